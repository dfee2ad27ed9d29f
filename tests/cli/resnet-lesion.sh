#!/bin/sh
# resnet-lesion from the outside: every study, pipes, shards, refusals.
. "${SOURCE:?}/tests/support/cli.sh"
resnet-train --arch resnet14-cifar --width 4 --epochs 1 --limit-train 128 --limit-test 32 --batch 32 \
  -q -o model.h5 >/dev/null
export RESNET_LIMIT_TEST=40 # the environment is an option like others

# Every study: a table, and JSON in one line.
study() { # study ROWS OPTION...
  want=$1
  shift
  resnet-lesion model.h5 -q "$@" --table >table
  rows table "$want"
  resnet-lesion model.h5 -q "$@" --json >json
  [ "$(wc -l <json)" = 1 ] || fail "$*: --json is not one line"
  grep -q '"count":40,' json || fail "$*: --json: $(cat json)"
  resnet-lesion model.h5 -q "$@" >text
  [ -s text ] || fail "$*: no summary"
}
study 7 --delete-each
head -n 1 table | grep -q '^block	stage	downsampling	errors	error	loss	flips$' || fail "--table: $(cat table)"
sed -n 2p table | grep -q '^intact	-	0	' || fail "--table: the intact network is not first: $(cat table)"
awk -F'\t' '$3 == 1 { print $1 }' table | tr '\n' ' ' | grep -q '^stage2.block1 stage3.block1 $' ||
  fail "--table: down-sampling blocks: $(cat table)"
intact=$(awk '$1 == "intact" { print $4 }' table)
resnet-eval model.h5 --json -q >eval.json
grep -q "\"errors\":$intact," eval.json || fail "intact: $intact errors, resnet-eval: $(cat eval.json)"
cp table each.tsv
resnet-lesion model.h5 -q --table | cmp - each.tsv || fail "--delete-each is not the default"
resnet-lesion - -q --table <model.h5 | cmp - each.tsv || fail "file and pipe differ"
study 2 --delete stage1.block1,stage2.block2
resnet-lesion -q --delete stage1.block2 --table model.h5 | cut -f 4,6 | sed -n 3p >one
awk -F'\t' '$1 == "stage1.block2" { print $4 "\t" $6 }' each.tsv | cmp - one || fail "--delete: $(cat one)"
study 2 --keep-only stage1.block1
study 7 --delete-random 1,3 --trials 3
study 5 --shuffle 0,2 --trials 2
awk -F'\t' '$2 == 0 && ($4 != 1 || $8 != 0) { exit 1 }' table || fail "no swap is no change: $(cat table)"
study 7 --delete-shortcut
study 7 --noise 0.5
study 6 --shapley --trials 2
grep -q '"shapley":\[' json || fail "--shapley --json: $(cat json)"
study 21 --pairs
study 7 --recalibrate 32
study 7 --precision fp64
cut -f 1-5 table >fp64
cut -f 1-5 each.tsv | cmp - fp64 || fail "--precision fp64: other answers"

# Threads change nothing, memory no count; seeds do.
resnet-lesion model.h5 -q --delete-random 2 --trials 4 --table >a
resnet-lesion model.h5 -q --delete-random 2 --trials 4 --threads 3 --table | cmp - a || fail "threads change the result"
cut -f 1-6,8 a >counts
resnet-lesion model.h5 -q --delete-random 2 --trials 4 --memory-limit 1M --table | cut -f 1-6,8 |
  cmp - counts || fail "--memory-limit changes the result"
resnet-lesion model.h5 -q --delete-random 2 --trials 4 --seed 2 --table >b
cmp -s a b && fail "--seed does nothing"

# Files.
resnet-lesion model.h5 -q -o each.h5 >/dev/null
resnet-info each.h5 | grep -q '^study  *delete-each, 6 lesions$' || fail "resnet-info: $(resnet-info each.h5)"
resnet-info each.h5 | grep -q '^intact: ' || fail "resnet-info: no outcome"
resnet-info each.h5 --json | grep -q '"kind":"lesion",' || fail "resnet-info --json"
resnet-info each.h5 --provenance | grep -q '^tool	resnet-lesion$' || fail "resnet-info --provenance"
resnet-plot each.h5 --table | cmp - each.tsv || fail "resnet-plot --table: another table"
resnet-lesion model.h5 -q --no-provenance -o - >piped.h5
resnet-lesion model.h5 -q --no-provenance -o filed.h5 >/dev/null
cmp piped.h5 filed.h5 || fail "-o - and -o FILE differ"
resnet-lesion model.h5 -q -o - | resnet-plot - --table | cmp - each.tsv || fail "the pipe to resnet-plot"
resnet-train --arch resnet14-cifar --width 4 --epochs 1 --limit-train 64 --batch 32 -q -o - |
  resnet-lesion - -q --delete-each -o - | resnet-info - | grep -q '^model  *resnet14-cifar, 6 blocks' ||
  fail "train | lesion | info"

# Shards.
for k in 1 2 3; do
  resnet-lesion model.h5 -q --delete-random 1,2 --trials 4 --shard $k/3 -o part$k.h5 >/dev/null
done
resnet-lesion model.h5 -q --delete-random 1,2 --trials 4 --table >whole.tsv
resnet-lesion --merge part3.h5 part1.h5 part2.h5 --table -q -o merged.h5 | cmp - whole.tsv || fail "--merge"
resnet-plot merged.h5 --table | cmp - whole.tsv || fail "the merged file"
resnet-plot part?.h5 --table | cmp - whole.tsv || fail "resnet-plot does not join shards"
resnet-info merged.h5 --provenance | grep -q '^input	part2.h5 ' || fail "--merge: no inputs in the provenance"
resnet-info part2.h5 | grep -q 'shard 2 of 3: 3 of them here' || fail "resnet-info of a shard"
env SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_COUNT=3 \
  resnet-lesion model.h5 -q --delete-random 1,2 --trials 4 --shard auto --no-provenance -o auto.h5 >/dev/null
resnet-plot part1.h5 auto.h5 part3.h5 --table | cmp - whole.tsv || fail "--shard auto"
resnet-lesion model.h5 -q --delete-each --shard 7/9 -o empty7.h5 >/dev/null # more shards than lesions
refused 3 '3/3 missing' resnet-lesion --merge part1.h5 part2.h5
refused 3 'part1.h5: is shard 1/3 of a study; the other 2 are missing' resnet-lesion --merge part1.h5
refused 3 'part1.h5: is shard 1/3 of a study' resnet-plot part1.h5 --table
refused 3 'given twice' resnet-lesion --merge part1.h5 part2.h5 part1.h5
refused 3 'do not belong together' resnet-lesion --merge part1.h5 part2.h5 empty7.h5
resnet-lesion model.h5 -q --delete-random 1,2 --trials 4 --seed 9 --shard 3/3 -o foreign.h5 >/dev/null
refused 3 'another seed' resnet-lesion --merge part1.h5 part2.h5 foreign.h5
head -c 3000 part2.h5 >short.h5
refused 3 'short.h5' resnet-lesion --merge part1.h5 short.h5 part3.h5
tr 'a-y' 'b-z' <part2.h5 >broken.h5
refused 3 'broken.h5' resnet-lesion --merge part1.h5 broken.h5 part3.h5
refused 3 'model.h5' resnet-lesion --merge part1.h5 model.h5 part3.h5
refused 2 'SLURM_ARRAY_TASK_ID is not set' env -u SLURM_ARRAY_TASK_ID resnet-lesion model.h5 --shard auto
for bad in 0/3 4/3 3 a/b 1/0; do
  refused 2 "$bad" resnet-lesion model.h5 --shard $bad
done

# A plan, without doing it.
resnet-lesion model.h5 --dry-run --json >plan
grep -q '"lesions":6,"count":40,"evaluations":21,"evaluations_naive":36,' plan || fail "--dry-run: $(cat plan)"
resnet-lesion model.h5 --dry-run -o plan.h5 | grep -q 'block evaluations 21' || fail "--dry-run"
[ ! -e plan.h5 ] || fail "--dry-run wrote a file"

# Refusals.
refused 2 "no block 'nope'; the blocks are stage1.block1, .*stage3.block2" resnet-lesion model.h5 --delete nope
refused 2 "no block 'x'" resnet-lesion model.h5 --keep-only stage1.block1,x
refused 2 'cannot delete 7 blocks' resnet-lesion model.h5 --delete-random 1,7
refused 2 'two studies' resnet-lesion model.h5 --pairs --shapley
refused 2 'noise must be more than 0' resnet-lesion model.h5 --noise 0
refused 2 'nothing to chance' resnet-lesion model.h5 --trials 3
refused 2 'one MODEL' resnet-lesion model.h5 model.h5
refused 2 'both want stdout' resnet-lesion model.h5 -o - --table
refused 2 '--force' resnet-lesion model.h5 -o each.h5
refused 2 '--memory-limit' resnet-lesion model.h5 --memory-limit 1K
refused 2 'bf16\|fp32' resnet-lesion model.h5 --precision fp8
refused 2 '--resume needs' resnet-lesion model.h5 --resume
refused 3 'missing.h5' resnet-lesion missing.h5
refused 3 'each.h5' resnet-lesion each.h5
refused 3 'stdin' sh -c 'resnet-lesion - </dev/null'
head -c 9000 model.h5 >half.h5
refused 3 'half.h5' resnet-lesion half.h5
if command -v python3 >/dev/null && python3 -c 'import h5py, numpy' 2>/dev/null; then
  python3 -c '
import h5py, numpy
with h5py.File("small.h5", "w") as f:
    f.attrs["format"] = "resnet-tools data"
    f.attrs["format_version"] = 1
    f["test/images"] = numpy.zeros((4, 8, 8, 3), numpy.uint8)
    f["test/labels"] = numpy.zeros(4, numpy.int32)
    f["classes"] = numpy.array(["a"] * 10, dtype="S")'
  refused 3 'images of 8x8x3, the model resnet14-cifar takes 32x32x3' \
    resnet-lesion model.h5 --data h5:small.h5
fi
refused 3 'no such' resnet-lesion model.h5 --data cifar10:nowhere
refused 1 'No space left' sh -c 'resnet-lesion model.h5 -q -o - >/dev/full'
refused 1 'No space left' sh -c 'resnet-lesion model.h5 -q >/dev/full'
