#!/bin/sh
# A run that is killed at any time, stopped by signals or run on other threads ends in the same bytes.
. "${SOURCE:?}/tests/support/cli.sh"
# 36 steps of a very small network; options win over the environment.
export RESNET_ARCH=resnet8-cifar RESNET_WIDTH=4 RESNET_LIMIT_TRAIN=200 RESNET_LIMIT_TEST=64 \
  RESNET_VAL=20 RESNET_BATCH=16 RESNET_EPOCHS=3 RESNET_PAD=4 RESNET_FLIP=true RESNET_WARMUP=5i \
  RESNET_LOG_EVERY=3i RESNET_NO_PROVENANCE=true
curves() { # the log without what comes from the clock, and without the seams
  sed -e '/"event":"resume"/d' -e 's/"time":"[^"]*",//' -e 's/"threads":[0-9]*//' \
    -e 's/"images_per_second":[^,}]*//' -e 's/"elapsed":[^,}]*//' "$1"
}

resnet-train -q --threads 1 -o one.h5 --log one.jsonl >/dev/null
for threads in 2 3; do
  resnet-train -q --threads $threads -o many.h5 --force >/dev/null
  cmp one.h5 many.h5 || fail "$threads threads give other bytes"
done

# Killed again and again: somewhere after the log has so many lines.
killed=0
: >kill.jsonl
for lines in 1 2 4 5 7 8 10 11 13 14 16; do
  resnet-train -q -o kill.h5 --log kill.jsonl --resume --checkpoint-every 2i >/dev/null 2>err &
  pid=$!
  while kill -0 $pid 2>/dev/null && [ "$(wc -l <kill.jsonl)" -lt $lines ]; do
    :
  done
  sleep 0.0$((lines * 7 % 10))
  kill -9 $pid 2>/dev/null || true
  code=0
  wait $pid 2>/dev/null || code=$?
  [ $code = 0 ] || [ $code = 137 ] || fail "killed after $lines lines: exit $code: $(cat err)"
  [ $code = 0 ] || killed=$((killed + 1))
done
[ $killed -ge 3 ] || fail "only $killed runs were killed in time"
resnet-train -q -o kill.h5 --log kill.jsonl --resume >/dev/null
cmp one.h5 kill.h5 || fail "killed $killed times: other bytes"
[ ! -e kill.h5.ckpt ] || fail "the checkpoint was left"
curves one.jsonl >a
curves kill.jsonl >b
cmp a b || fail "killed $killed times: another log: $(diff a b | head)"

# A log that is gone or was cut is no reason to stop, and the model is the same.
code=0
resnet-train -q -o gone.h5 --log gone.jsonl --max-time 0.001s >/dev/null 2>&1 || code=$?
[ $code = 75 ] || fail "--max-time: exit $code"
rm gone.jsonl
resnet-train -q -o gone.h5 --log gone.jsonl --resume >/dev/null 2>err || fail "without its log: $(cat err)"
grep -q 'log is gone' err || fail "no word about the log: $(cat err)"
cmp one.h5 gone.h5 || fail "without its log: other bytes"

# Signals save and say how to go on.
for signal in TERM USR1 HUP INT; do
  # A shell starts background jobs with SIGINT ignored, which a tool respects: env undoes it.
  rm -f stop.h5 stop.h5.ckpt
  env --default-signal=INT resnet-train --epochs 400 -o stop.h5 --log stop.jsonl --force --checkpoint-every 1i >out 2>err &
  pid=$!
  tries=0
  while [ ! -e stop.h5.ckpt ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || fail "no checkpoint after 30 s: $(cat err)"
    sleep 0.1
  done
  kill -$signal $pid
  code=0
  wait $pid || code=$?
  [ $code = 75 ] || fail "SIG$signal: exit $code: $(cat err)"
  grep -q "stopped by SIG$signal.*saved in stop.h5.ckpt" err || fail "SIG$signal: $(cat err)"
  [ ! -s out ] || fail "SIG$signal: stdout: $(cat out)"
  [ -e stop.h5.ckpt ] || fail "SIG$signal: no checkpoint"
  [ ! -e stop.h5 ] || fail "SIG$signal: an output of an unfinished run"
done

# The same command, until it is done; then it has nothing to do. It gets more time from run to run,
# for machines on which the first ones are too short for an evaluation.
code=75 runs=0 time=40
while [ $code = 75 ]; do
  code=0
  resnet-train -q -o requeue.h5 --resume --max-time $(printf '%d.%03ds' $((time / 1000)) \
    $((time % 1000))) >/dev/null 2>&1 || code=$?
  runs=$((runs + 1)) time=$((time + 20))
  [ $runs -lt 200 ] || fail "requeued for ever"
done
[ $code = 0 ] || fail "requeued: exit $code"
[ $runs -gt 1 ] || fail "requeued: never stopped"
cmp one.h5 requeue.h5 || fail "requeued $runs times: other bytes"
resnet-train -o requeue.h5 --resume >out 2>err || fail "a complete output: exit $?: $(cat err)"
grep -q 'complete already' err || fail "a complete output: $(cat err)"
cmp one.h5 requeue.h5 || fail "a complete output was changed"

# To stdout, with a checkpoint elsewhere.
code=0
resnet-train -q -o - --checkpoint aside.ckpt --max-time 0.001s >piped.h5 2>/dev/null || code=$?
[ $code = 75 ] || fail "-o -: exit $code"
[ ! -s piped.h5 ] || fail "-o -: something was written"
resnet-train -q -o - --checkpoint aside.ckpt --resume >piped.h5
cmp one.h5 piped.h5 || fail "-o -: other bytes"
[ ! -e aside.ckpt ] || fail "-o -: the checkpoint was left"
# A network whose reader has gone is lost, and that is a failure.
{ code=0; resnet-train -q -o - 2>err || code=$?; echo $code >code; } | true
[ "$(cat code)" = 1 ] && grep -q 'reader is gone' err || fail "a closed pipe: exit $(cat code): $(cat err)"
# A checkpoint that cannot be read says how to begin anew.
head -c 1000 one.h5 >torn.h5.ckpt
refused 3 'torn.h5.ckpt.*--force without --resume' resnet-train -q -o torn.h5 --resume

# Another recipe is refused by name.
code=0
resnet-train -q -o other.h5 --max-time 0.001s >/dev/null 2>&1 || code=$?
[ $code = 75 ] || fail "--max-time: exit $code"
for change in '--lr 0.2' '--seed 2' '--batch 8' '--no-flip' '--limit-test 60' '--arch resnet14-cifar'; do
  key=$(echo "$change" | sed -e 's/^--no-/--/' -e 's/^--//' -e 's/ .*//')
  code=0
  resnet-train -q -o other.h5 --resume $change >/dev/null 2>err || code=$?
  [ $code = 2 ] || fail "$change: exit $code: $(cat err)"
  grep -q "another $key" err || fail "$change: $(cat err)"
done
resnet-train -q -o other.h5 --resume --lanes 5 >/dev/null 2>err || fail "--lanes: $(cat err)"
grep -q 'warning.*lanes 16, here 5' err || fail "--lanes: no warning: $(cat err)"
