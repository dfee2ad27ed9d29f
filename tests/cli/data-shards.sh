#!/bin/sh
# Data sets in shards and on disk: imported piece by piece, read as one, streamed; the same models from
# all of them; what goes wrong is named.
. "${SOURCE:?}/tests/support/cli.sh"
small="synth:shapes --limit-train 300 --limit-test 50"
import() { resnet-data -q --no-provenance "$@"; }

# As a job array would: numbers from 5 on.
mkdir parts
import $small -o one.h5
for task in 5 6 7; do
  SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=3 \
    import $small --shard auto -o parts/$task.h5
done
import $small --shard 2/3 -o again.h5
cmp again.h5 parts/6.h5 || fail "--shard auto and --shard 2/3 differ"
import $small --shard 2/3 --threads 3 --force -o again.h5
cmp again.h5 parts/6.h5 || fail "a shard's bytes depend on --threads"
resnet-data $small --shard 2/3 | grep -q '^train  100 images, from number 100 of 300 on' ||
  fail "$(resnet-data $small --shard 2/3)"
resnet-data $small --shard 2/3 --json | grep -q '"shard":2,"shards":3,"train":{"first":100,"total":300,"count":100' ||
  fail "$(resnet-data $small --shard 2/3 --json)"

# Whole again: one summary, one file.
for uri in h5:parts 'h5:parts/*.h5' 'h5:parts?stream=on' 'h5:one.h5?stream=on'; do
  resnet-data "$uri" --json | sed 's/"uri":"[^"]*"//' >a
  resnet-data h5:one.h5 --json | sed 's/"uri":"[^"]*"//' | cmp - a || fail "$uri: another summary"
done
import h5:parts -o whole.h5
import h5:one.h5 -o copy.h5
cmp whole.h5 copy.h5 || fail "shards put together are not the file of one piece"
import 'h5:one.h5?stream=on' --shard 3/3 -o cut.h5
import h5:parts --shard 3/3 -o other.h5
cmp cut.h5 other.h5 || fail "cut anew: other bytes"

# The same model, byte by byte.
train() { # train NAME URI...
  name=$1
  shift
  resnet-train -q --arch resnet8-cifar --width 4 --epochs 2 --batch 32 --pad 2 --flip --val 40 --no-provenance \
    --data "$@" -o "$name.h5" >/dev/null
}
train m1 h5:one.h5
train m2 h5:parts
train m3 'h5:parts?stream=on' --threads 1
train m4 'h5:one.h5?stream=on' --threads 2 --loaders 3
for m in m2 m3 m4; do cmp m1.h5 $m.h5 || fail "$m: another model"; done
evaluate() { resnet-eval -q m1.h5 --data "$1" --split val --json 2>err | sed 's/"data":"[^"]*"//; s/,"images_per_second.*//'; }
evaluate 'h5:parts?stream=on' >a
[ ! -s err ] || fail "evaluation warns: $(cat err)" # that this is not what was trained on
evaluate h5:one.h5 | cmp - a || fail "another evaluation"
resnet-train --arch resnet8-cifar --data 'h5:parts?stream=on' --batch 32 --loader-only --threads 2 -o x.h5 >out
grep -q '300 images in 10 batches.* with 2 loaders' out || fail "--loader-only: $(cat out)"

# What is not whole.
mv parts/6.h5 kept.h5
refused 3 'parts/5.h5: 2 shards of 3: 2/3 missing' resnet-train --data h5:parts -o x.h5
refused 3 'is shard 2/3 of a set; missing 1/3, 3/3' resnet-data h5:kept.h5
cp parts/5.h5 parts/6.h5
refused 3 'shard 1/3 is there twice' resnet-data h5:parts
import synth:shapes --limit-train 200 --limit-test 50 --shard 2/3 -o parts/6.h5 --force
refused 3 'do not belong together: another data set' resnet-data h5:parts
refused 2 'expected K/N' resnet-data $small --shard 2 -o x.h5
refused 2 'K from 1 to N' resnet-data $small --shard 4/3 -o x.h5
refused 2 'this is no Slurm job array' env -u SLURM_ARRAY_TASK_ID resnet-data $small --shard auto -o x.h5
refused 2 'cannot come through a pipe' resnet-data h5:-
refused 2 'expected on, off or auto' resnet-data 'h5:one.h5?stream=perhaps'

# Cut off while it is in use: one line that names file and sample, and what was saved is not touched.
cp one.h5 victim.h5
resnet-train -q --arch resnet8-cifar --width 4 --epochs 100000 --batch 8 --data 'h5:victim.h5?stream=on' \
  --checkpoint-every 1i -o long.h5 >out 2>err &
job=$!
tries=0
while [ ! -e long.h5.ckpt ]; do
  tries=$((tries + 1))
  [ $tries -lt 600 ] && kill -0 $job 2>/dev/null || fail "no checkpoint: $(cat err)"
  sleep 0.1
done
head -c 5000 one.h5 >victim.h5
code=0
wait $job || code=$?
[ $code = 3 ] || fail "cut off: exit $code: $(cat err)"
[ "$(wc -l <err)" = 1 ] || fail "cut off: $(cat err)"
grep -q 'victim.h5: sample [0-9]* is gone: the file was cut off' err || fail "cut off: $(cat err)"
resnet-info long.h5.ckpt >/dev/null || fail "the checkpoint is damaged"
