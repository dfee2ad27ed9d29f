#!/bin/sh
# A lesion study that is stopped or killed ends in the same bytes.
. "${SOURCE:?}/tests/support/cli.sh"
resnet-train --arch resnet14-cifar --width 4 --epochs 1 --limit-train 128 --limit-test 32 --batch 32 \
  -q -o model.h5 >/dev/null
# Slices of a few images, saved after each.
export RESNET_DELETE_RANDOM=1,2,3 RESNET_TRIALS=20 RESNET_MEMORY_LIMIT=1M RESNET_NO_PROVENANCE=true \
  RESNET_CHECKPOINT_EVERY=0.001s
resnet-lesion model.h5 -q -o whole.h5 >/dev/null

begun() { # begun FILE PID: until there is a checkpoint, or the study is over
  tries=0
  while [ ! -e "$1" ] && kill -0 "$2" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || fail "no checkpoint after 60 s"
    sleep 0.1
  done
}

for signal in TERM INT USR1; do
  rm -f stop.h5 stop.h5.ckpt
  env --default-signal=INT resnet-lesion model.h5 -o stop.h5 --resume >out 2>err &
  pid=$!
  begun stop.h5.ckpt $pid
  kill -$signal $pid
  code=0
  wait $pid || code=$?
  [ $code = 75 ] || fail "SIG$signal: exit $code: $(cat err)"
  grep -q "stopped by SIG$signal: .*saved in stop.h5.ckpt" err || fail "SIG$signal: $(cat err)"
  [ ! -e stop.h5 ] || fail "SIG$signal: an output of an unfinished study"
  [ ! -s out ] || fail "SIG$signal: stdout: $(cat out)"
done

# What is unfinished is not taken for a result, nor overwritten.
for command in "resnet-plot stop.h5.ckpt --table" "resnet-lesion --merge stop.h5.ckpt"; do
  code=0
  env -u RESNET_DELETE_RANDOM -u RESNET_TRIALS $command >out 2>err || code=$?
  [ $code = 3 ] || fail "$command: exit $code: $(cat err)"
  grep -q 'is not finished' err || fail "$command: $(cat err)"
done
code=0
resnet-lesion model.h5 -o stop.h5 >out 2>err || code=$?
[ $code = 2 ] || fail "a checkpoint of an unfinished study: exit $code"
grep -q 'resume' err || fail "a checkpoint of an unfinished study: $(cat err)"
code=0
resnet-lesion model.h5 -o stop.h5 --resume --seed 5 >out 2>err || code=$?
[ $code = 2 ] || fail "another seed: exit $code"
grep -q 'another study' err || fail "another seed: $(cat err)"

# Killed without warning, somewhere, again and again.
killed=0
for pause in 0 .05 .1 .2 .3 .1 .2; do
  resnet-lesion model.h5 -q -o stop.h5 --resume >/dev/null 2>&1 &
  pid=$!
  sleep $pause
  kill -9 $pid 2>/dev/null || true
  code=0
  wait $pid 2>/dev/null || code=$?
  [ $code = 0 ] || [ $code = 137 ] || fail "killed after $pause s: exit $code"
  [ $code = 0 ] || killed=$((killed + 1))
done
[ $killed -ge 1 ] || fail "nothing was killed in time"
resnet-lesion model.h5 -q -o stop.h5 --resume >/dev/null
cmp whole.h5 stop.h5 || fail "stopped, and killed $killed times: other bytes"
[ ! -e stop.h5.ckpt ] || fail "the checkpoint was left"
resnet-lesion model.h5 -o stop.h5 --resume >out 2>err
grep -q 'complete already' err || fail "a complete output: $(cat err)"
cmp whole.h5 stop.h5 || fail "a complete output was changed"

# Without an output there is nothing to go on from.
resnet-lesion model.h5 >out 2>err &
pid=$!
sleep 0.3
kill -TERM $pid 2>/dev/null || true
code=0
wait $pid || code=$?
case $code in
  0 | 143) ;;
  1) grep -q 'nothing is saved' err || fail "without an output: $(cat err)" ;;
  *) fail "without an output: exit $code: $(cat err)" ;;
esac
