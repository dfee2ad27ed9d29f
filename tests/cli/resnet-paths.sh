#!/bin/sh
# resnet-paths from the outside: every study, pipes, shards, pictures, refusals.
. "${SOURCE:?}/tests/support/cli.sh"
resnet-train --arch preresnet14-cifar --width 4 --epochs 1 --limit-train 128 --limit-test 32 --batch 32 \
  -q -o model.h5 >/dev/null
export RESNET_LIMIT_TEST=12 RESNET_BATCH=4 # the environment is an option like others

# The lengths of the paper's network, without a gradient and without data.
resnet-train --arch preresnet110-cifar --width 1 --steps 1i --limit-train 8 --limit-test 8 --batch 8 -q -o deep.h5 >/dev/null
resnet-paths deep.h5 --lengths --json -q >json
grep -q '"blocks":54,.*"paths_19_35":0.980165[67].*,"paths_5_17":0.0045366[67]' json || fail "--lengths: $(cat json)"
resnet-paths deep.h5 --lengths -q | grep -q '98.0165.*more than 95 %.*0.453667.*0.45 %' || fail "--lengths: the paper's words"
resnet-paths deep.h5 --lengths --table -q >table
rows table 55
[ "$(head -n 1 table)" = 'length	paths' ] || fail "--lengths --table"

# The spectrum: a table, JSON in one line, a text; the shares add up to 1.
resnet-paths model.h5 -q --table >spectrum.tsv
rows spectrum.tsv 7
[ "$(head -n 1 spectrum.tsv)" = 'length	norm	share' ] || fail "--table: $(cat spectrum.tsv)"
awk 'NR > 1 { s += $3 } END { exit !(s > 0.99999 && s < 1.00001) }' spectrum.tsv || fail "shares: $(cat spectrum.tsv)"
resnet-paths model.h5 -q --spectrum --table | cmp - spectrum.tsv || fail "--spectrum is not the default"
resnet-paths - -q --table <model.h5 | cmp - spectrum.tsv || fail "file and pipe differ"
resnet-paths model.h5 -q --table --threads 3 | cmp - spectrum.tsv || fail "threads change the result"
resnet-paths model.h5 -q --json >json
[ "$(wc -l <json)" = 1 ] || fail "--json is not one line"
grep -q '"bn":"frozen",.*"count":12,' json || fail "--json: $(cat json)"
resnet-paths model.h5 -q --max-length 2 --table >short.tsv
rows short.tsv 3
head -n 4 spectrum.tsv | cmp - short.tsv || fail "--max-length changes the shorter lengths"
resnet-paths model.h5 -q --bn batch --table >batch.tsv
rows batch.tsv 7
cmp -s batch.tsv spectrum.tsv && fail "--bn does nothing"
resnet-paths model.h5 -q --precision fp64 --table >fp64.tsv
awk 'NR == FNR { a[NR] = $2; next } FNR > 1 { d = a[FNR] / $2 - 1; if (d * d > 1e-6) exit 1 }' spectrum.tsv fp64.tsv ||
  fail "fp32 and fp64: $(cat spectrum.tsv fp64.tsv)"

# Less memory: fewer images, or fewer lengths; the same numbers but for rounding.
same() { # same TABLE TABLE
  awk 'NR == FNR { n[NR] = $2; s[NR] = $3; next }
    FNR > 1 { d = n[FNR] / $2 - 1; e = s[FNR] - $3; if (d * d > 1e-8 || e * e > 1e-10) exit 1 }' "$1" "$2" ||
    fail "$1 and $2 differ: $(cat "$1" "$2")"
}
resnet-paths model.h5 --table --memory-limit 2M >small.tsv 2>log
grep -q ' [123] images and 7 lengths at a time' log || fail "--memory-limit: $(cat log)"
same small.tsv spectrum.tsv
bytes=$(resnet-paths model.h5 --bn batch --dry-run --json -q | sed 's/.*"bytes":\([0-9]*\).*/\1/')
resnet-paths model.h5 --bn batch --table --memory-limit $((bytes - 100000)) >small.tsv 2>log
grep -q ' 4 images and [1-6] lengths at a time' log || fail "--memory-limit: $(cat log)"
same small.tsv batch.tsv
refused 2 'fp32 or fp64' resnet-paths model.h5 --lengths --precision bf16 -o x.h5
refused 2 'memory-limit: one image takes' resnet-paths model.h5 --memory-limit 10K
refused 2 'memory-limit: the smallest slice of a batch takes' resnet-paths model.h5 --bn batch --memory-limit 100K

# Sampled paths, in one file with all the rest.
resnet-paths model.h5 -q --sample --trials 3 --lengths-at 4,1,1 --table >sampled.tsv
rows sampled.tsv 6
resnet-paths model.h5 -q --sample --trials 3 --lengths-at 1,4 --seed 2 --table | cmp -s - sampled.tsv && fail "--seed does nothing"
all="--spectrum --sample --trials 3 --boundaries --weights --branches"
resnet-paths model.h5 -q $all --effective 0.9 -o all.h5 >text
grep -q '^90 % of the gradient, exactly: lengths [0-6] to [0-6]' text || fail "--effective: $(cat text)"
grep -q '^90 % counted as the paper does.*: lengths [0-6] to [0-6]' text || fail "--effective: $(cat text)"
resnet-paths model.h5 -q $all --effective 0.9 --json | grep -q '"effective_exact":{"first":[0-6],' || fail "--effective --json"
resnet-info all.h5 | grep -q '^study  *spectrum, sample$' || fail "resnet-info: $(resnet-info all.h5)"
resnet-info all.h5 | grep -q '^settings .*statistics frozen$' || fail "resnet-info: settings"
resnet-info all.h5 --json | grep -q '"kind":"paths",' || fail "resnet-info --json"
resnet-info all.h5 --provenance | grep -q '^tool	resnet-paths$' || fail "resnet-info --provenance"
resnet-plot all.h5 --table | cmp - spectrum.tsv || fail "resnet-plot --table: another table"
table() { # table WHAT ROWS HEADER
  resnet-plot all.h5 --table --show "$1" >table
  rows table "$2"
  [ "$(head -n 1 table)" = "$3" ] || fail "--show $1: $(head -n 1 table)"
}
table lengths 7 'length	paths'
table sampled 21 'length	trial	norm'
table effective 7 'length	norm	share'
table boundaries 28 'boundary	length	norm	share'
table weights 21 'block	length	norm	share'
table branches 6 'block	stage	downsampling	norm	share'
awk 'NR == FNR { if (FNR > 1) s += $1 * $3; next } FNR > 1 { t += $5 } END { d = s - t; exit !(d * d < 1e-8) }' \
  spectrum.tsv table || fail "the branches' shares do not add up to the mean length"

# Pipes and bytes.
resnet-paths model.h5 -q $all --no-provenance -o - >piped.h5
resnet-paths model.h5 -q $all --no-provenance -o filed.h5 >/dev/null
cmp piped.h5 filed.h5 || fail "-o - and -o FILE differ"
resnet-paths model.h5 -q -o - | resnet-plot - --table | cmp - spectrum.tsv || fail "the pipe to resnet-plot"

# Shards: put together, the numbers of the whole.
for k in 1 2; do
  resnet-paths model.h5 -q $all --shard $k/2 -o part$k.h5 >/dev/null
done
for show in effective sampled weights; do
  resnet-plot all.h5 --table --show $show >whole.tsv
  resnet-plot part2.h5 part1.h5 --table --show $show | cmp - whole.tsv || fail "shards: $show"
done
resnet-paths --merge part1.h5 part2.h5 --table -q -o merged.h5 | cmp - spectrum.tsv || fail "--merge"
resnet-plot merged.h5 --table | cmp - spectrum.tsv || fail "the merged file"
resnet-info part2.h5 | grep -q 'shard 2 of 2: 1 batches and 7 measurements here' || fail "resnet-info of a shard: $(resnet-info part2.h5)"
refused 3 '2/2 missing' resnet-paths --merge part1.h5
refused 3 'given twice' resnet-paths --merge part1.h5 part2.h5 part1.h5
refused 3 'do not belong together' resnet-paths --merge part1.h5 merged.h5
refused 3 '1/2 missing' resnet-plot part2.h5 --table
refused 3 'kind .lesion.\|model' resnet-paths --merge part1.h5 model.h5
head -c 3000 part2.h5 >short.h5
refused 3 'short.h5' resnet-paths --merge part1.h5 short.h5

# Stopped and resumed: the same bytes.
resnet-paths model.h5 -q $all --trials 60 --no-provenance -o long.h5 >/dev/null
code=0
timeout -s TERM 1 resnet-paths model.h5 -q $all --trials 60 --no-provenance -o stopped.h5 >/dev/null || code=$?
if [ "$code" != 0 ]; then # slow enough to be stopped
  [ -e stopped.h5 ] && fail "an unfinished output"
  until resnet-paths model.h5 -q $all --trials 60 --no-provenance -o stopped.h5 --resume >/dev/null; do :; done
fi
cmp stopped.h5 long.h5 || fail "stopped and resumed: other bytes"
[ ! -e stopped.h5.ckpt ] || fail "the checkpoint stayed"
resnet-paths model.h5 $all --trials 60 --no-provenance -o stopped.h5 --resume 2>&1 >/dev/null | grep -q 'complete already' ||
  fail "--resume of what is complete"

# A plan, without doing it.
resnet-paths model.h5 --dry-run -o plan.h5 >plan
grep -q '12 images of synth:shapes test, 27 products of blocks' plan || fail "--dry-run: $(cat plan)"
[ ! -e plan.h5 ] || fail "--dry-run wrote a file"

# Pictures.
if command -v gnuplot >/dev/null; then
  for show in lengths sampled effective weights; do
    resnet-plot all.h5 --show $show -o $show.svg
    grep -q '</svg>' $show.svg || fail "--show $show"
  done
  resnet-plot all.h5 --emit-gnuplot | grep -q 'paths x norm' || fail "the default is not --show effective"
  resnet-lesion model.h5 -q -o each.h5 >/dev/null
  resnet-plot each.h5 all.h5 -o damage.svg
  resnet-plot all.h5 each.h5 --table >damage.tsv
  rows damage.tsv 6
  resnet-lesion model.h5 -q --table | awk -F'\t' 'NR == 2 { e = $5 } NR > 2 { printf "%s %.6g\n", $1, $5 - e }' >expected
  awk -F'\t' 'NR > 1 { printf "%s %.6g\n", $1, $5 }' damage.tsv | diff - expected || fail "damage is not that of resnet-lesion"
  resnet-lesion deep.h5 -q -o other.h5 >/dev/null
  refused 2 'of different models' resnet-plot all.h5 other.h5 --table
  resnet-paths model.h5 -q -o plain.h5 >/dev/null
  refused 2 'has no branches' resnet-plot plain.h5 each.h5 --table
fi

# Refusals.
resnet-train --arch vgg15-cifar --width 2 --steps 1i --limit-train 8 --limit-test 8 --batch 8 -q -o vgg.h5 >/dev/null
refused 3 'layers without shortcuts' resnet-paths vgg.h5
refused 3 'layers without shortcuts' resnet-paths vgg.h5 --lengths
refused 2 'lengths 0 to 6' resnet-paths model.h5 --max-length 7
refused 2 'lengths 0 to 6' resnet-paths model.h5 --sample --lengths-at 3,7
refused 2 'goes with --sample' resnet-paths model.h5 --trials 3
refused 2 'goes with --spectrum' resnet-paths model.h5 --sample --weights
refused 2 'limit-train goes with --sample' resnet-paths model.h5 --limit-train 8
refused 2 'limit-test goes with --spectrum' resnet-paths model.h5 --sample --limit-test 8
refused 2 'json and --table both' resnet-paths model.h5 --json --table
refused 2 'needs --bn frozen' resnet-paths model.h5 --weights --bn batch
refused 2 'one MODEL' resnet-paths model.h5 model.h5
refused 2 'both want stdout' resnet-paths model.h5 -o - --table
refused 2 '--force' resnet-paths model.h5 -o all.h5
refused 2 '--resume needs' resnet-paths model.h5 --resume
refused 2 'bf16\|fp32' resnet-paths model.h5 --precision fp8
refused 3 'missing.h5' resnet-paths missing.h5
refused 3 'all.h5' resnet-paths all.h5
refused 3 'stdin' sh -c 'resnet-paths - </dev/null'
refused 3 'no such' resnet-paths model.h5 --data cifar10:nowhere
refused 1 'No space left' sh -c 'resnet-paths model.h5 -q -o - >/dev/full'
