#!/bin/sh
# Tools with --device cuda, on the emulated device: what they make is what the CPU makes, up to
# rounding; and what they say when there is no device, or too little memory on it.
. "${SOURCE:?}/tests/support/cli.sh"
emulated=$BUILD/emulated
needs_emulated
gpu() { # COMMAND...: with the emulated device
  LD_LIBRARY_PATH=$emulated "$@"
}
# close A B TOLERANCE WHAT: relative
close() {
  awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; s = a < 0 ? -a : a; exit !((d < 0 ? -d : d) <= t * (s + 1e-12)) }' ||
    fail "$4: $1 and $2 differ by more than $3"
}
# same_numbers A B TOLERANCE: all numbers of two JSON texts
same_numbers() {
  for side in "$1" "$2"; do grep -oE '[:,[]-?[0-9][0-9.eE+-]*' "$side" | tr -d ':,[' >"$side.numbers"; done
  [ -s "$1.numbers" ] || fail "$1: no numbers"
  [ "$(wc -l <"$1.numbers")" = "$(wc -l <"$2.numbers")" ] || fail "$1 and $2: other numbers"
  paste "$1.numbers" "$2.numbers" | awk -v t="$3" '{ d = $1 - $2; s = $1 < 0 ? -$1 : $1
    if ((d < 0 ? -d : d) > t * (s + 1e-6)) { print "number", NR, $1, $2; bad = 1 } } END { exit bad }' ||
    fail "$1 and $2 differ"
}
field() { # JSON KEY: a number
  sed -n "s/.*\"$2\":\\(-\\{0,1\\}[0-9.e+-]*\\)[,}].*/\\1/p" "$1" | head -n 1
}

# No device: one line, exit 4.
code=0
resnet-train -q --device cuda -o none.h5 --limit-train 8 --epochs 1 >out 2>err || code=$?
[ $code = 4 ] || fail "without a device: exit $code: $(cat err)"
[ "$(wc -l <err)" = 1 ] || fail "without a device: $(cat err)"
[ ! -s out ] || fail "without a device: wrote to stdout"

# A residual network, two steps.
train="--width 4 --limit-train 16 --batch 8 --limit-test 8 --epochs 1 --flip --lr 0.02 --no-provenance"
# shellcheck disable=SC2086 # options are words
{
  resnet-train -q --device cpu $train --arch resnet8-cifar -o here.h5 >/dev/null
  gpu resnet-train -q --device cuda $train --arch resnet8-cifar -o there.h5 >/dev/null
  gpu resnet-train -q --device cuda $train --arch resnet8-cifar -o again.h5 >/dev/null
}
cmp there.h5 again.h5 || fail "the same training on the device gave other bytes"
resnet-eval -q --device cpu --limit-test 16 --json here.h5 >here.json
resnet-eval -q --device cpu --limit-test 16 --json there.h5 >mixed.json
gpu resnet-eval -q --limit-test 16 --json -o eval.h5 there.h5 >there.json # auto finds it
grep -aq "cuda:0 emulated" eval.h5 || fail "the result does not say where it was made"
close "$(field here.json loss)" "$(field mixed.json loss)" 1e-3 "loss of the two models"
close "$(field mixed.json loss)" "$(field there.json loss)" 1e-4 "loss of one model on two devices"

# Stopped and resumed on the device: the same bytes.
code=0
# shellcheck disable=SC2086
gpu resnet-train -q --device cuda $train --arch resnet8-cifar -o cut.h5 --max-time 0.001s >/dev/null 2>err || code=$?
[ $code = 75 ] || fail "--max-time: exit $code: $(cat err)"
# shellcheck disable=SC2086
gpu resnet-train -q --device cuda $train --arch resnet8-cifar -o cut.h5 --resume >/dev/null
cmp there.h5 cut.h5 || fail "stopped and resumed: other bytes"

# Studies.
for device in cpu cuda; do
  run=gpu
  [ $device = cpu ] && run=
  $run resnet-lesion -q --device $device --limit-test 16 --json here.h5 >lesion.$device
  $run resnet-paths -q --device $device --limit-test 4 --precision fp64 --json here.h5 >paths.$device
  $run resnet-geometry -q --device $device --limit-test 2 --precision fp64 -o geometry.$device.h5 here.h5 >/dev/null
  $run revnet-memprof -q --device $device --archs revnet38-cifar --widths 4,4,8,8 --image-size 8 --batch 4 \
    --depths 3 --steps 0 --no-exactness --json >memory.$device
done
same_numbers lesion.cpu lesion.cuda 1e-3
same_numbers paths.cpu paths.cuda 1e-7
[ -s memory.cuda ] || fail "revnet-memprof printed nothing on the device"
for device in cpu cuda; do
  resnet-info --json geometry.$device.h5 >geometry.$device 2>/dev/null || resnet-info geometry.$device.h5 >geometry.$device
done
[ -s geometry.cuda ] || fail "resnet-geometry left no result on the device"

# Too little memory on the device: one line with what is in use and what to try; the checkpoint stays.
code=0
# shellcheck disable=SC2086
gpu resnet-train -q --device cuda $train --arch resnet8-cifar -o small.h5 --max-time 0.001s >/dev/null 2>err || code=$?
[ $code = 75 ] || fail "--max-time: exit $code: $(cat err)"
cp small.h5.ckpt before
code=0
# shellcheck disable=SC2086
RN_EMU_MEMORY=3000000 gpu resnet-train -q --device cuda $train --arch resnet8-cifar -o small.h5 --resume >/dev/null 2>err || code=$?
[ $code = 1 ] || fail "out of memory: exit $code: $(cat err)"
[ "$(wc -l <err)" = 1 ] || fail "out of memory: more than a line: $(cat err)"
for words in 'out of memory on cuda:0' 'more asked for (' 'MiB in use: parameter' '--micro-batch 4' \
  '--activations checkpointed' 'small.h5.ckpt holds step'; do
  grep -q -- "$words" err || fail "out of memory: does not say '$words': $(cat err)"
done
cmp before small.h5.ckpt || fail "out of memory: the checkpoint has changed"
# shellcheck disable=SC2086
gpu resnet-train -q --device cuda $train --arch resnet8-cifar -o small.h5 --resume >/dev/null
cmp there.h5 small.h5 || fail "resumed after out of memory: other bytes"
