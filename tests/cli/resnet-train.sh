#!/bin/sh
# resnet-train from the outside: results on stdout, refusals, bad input, full disks.
. "${SOURCE:?}/tests/support/cli.sh"
# With stdout closed no file becomes it: the network is whole, the summary fails.
expect 1 "cannot write to stdout" sh -c \
  'resnet-train --epochs 1 --limit-train 64 --limit-test 16 --batch 32 -q -o closed.h5 --log closed.jsonl >&-'
resnet-info closed.h5 >/dev/null && ! grep -qv '^{' closed.jsonl || fail "a file was taken for stdout"
mounted=
cleanup() { # in the place of the other
  [ -z "$mounted" ] || umount "$mounted" || true
  rm -rf "$scratch"
}
code_of() { # code_of COMMAND...: its exit code, output in out and err
  code=0
  "$@" >out 2>err </dev/null || code=$?
}
# 6 steps of a very small network; options win over the environment.
small() {
  RESNET_ARCH=resnet8-cifar RESNET_WIDTH=4 RESNET_LIMIT_TRAIN=48 RESNET_LIMIT_TEST=16 \
    RESNET_BATCH=16 RESNET_EPOCHS=2 resnet-train "$@"
}

# What comes out where.
small -o m.h5 >out 2>err
grep -q '^m.h5: resnet8-cifar' out || fail "no summary: $(cat out)"
[ "$(wc -l <out)" = 1 ] || fail "the summary is not one line"
grep -q 'epoch.*train loss.*test loss' err || fail "no table: $(cat err)"
[ "$(wc -l <err)" = 3 ] || fail "not a line an epoch: $(cat err)"
small -o quiet.h5 -q >out 2>err
[ ! -s err ] || fail "-q: $(cat err)"
small -o j.h5 --json --log j.jsonl >out 2>/dev/null
for key in arch parameters epochs steps train_loss test_error images_per_second; do
  grep -q "\"$key\":" out || fail "--json: no $key: $(cat out)"
done
[ "$(wc -l <out)" = 1 ] || fail "--json: not one line"
for event in start epoch end; do
  grep -q "^{\"event\":\"$event\"" j.jsonl || fail "--log: no $event: $(cat j.jsonl)"
done
[ ! -e m.h5.ckpt ] || fail "a checkpoint was left"
small -o - -q --no-provenance >pipe.h5
small -o file.h5 -q --no-provenance >/dev/null
cmp pipe.h5 file.h5 || fail "-o - and -o FILE differ"
# Starting from a model: the same classes, or a new last layer; from a pipe too; resumed.
tune() {
  resnet-train --limit-train 48 --limit-test 16 --batch 16 --steps 2 --lr 0.001 --no-provenance -q "$@"
}
tune --init m.h5 -o tuned.h5 >out
grep -q '^tuned.h5: resnet8-cifar' out || fail "--init: $(cat out)"
tune --init - -o piped.h5 <m.h5 >/dev/null
for name in tuned piped; do resnet-info $name.h5 --parameters >$name.tsv; done
cmp tuned.tsv piped.tsv || fail "--init FILE and --init - differ"
tune --init m.h5 --reset-head -o head.h5 >/dev/null
! cmp -s tuned.h5 head.h5 || fail "--reset-head does nothing"
tune --init m.h5 -o tuned.h5 --resume >/dev/null || fail "--init: the finished run is not recognised"
code=0
tune --init m.h5 -o slow.h5 --max-time 1s --steps 4000 >/dev/null || code=$?
[ "$code" = 75 ] || fail "--init with --max-time: exit $code"
refused 2 'another input (other.h5)' sh -c '
  cp head.h5 other.h5
  resnet-train --limit-train 48 --limit-test 16 --batch 16 --steps 4000 --lr 0.001 --no-provenance \
    -q --init other.h5 -o slow.h5 --resume'
refused 2 'goes with --init' resnet-train --reset-head -o no.h5
refused 3 'not-a-model.h5' resnet-train --init not-a-model.h5 -o no.h5
code_of resnet-train --init m.h5 --arch resnet20-cifar -n --limit-train 16 --limit-test 16
grep -q 'do nothing' err || fail "--init with --arch: $(cat err)"
# Given twice, the later wins.
small --batch 3 --batch 16 -o twice.h5 -q --no-provenance >/dev/null
cmp twice.h5 file.h5 || fail "an option given twice: not the later"
resnet-train --list-archs >out
tab=$(printf '\t')
head -n 1 out | grep -q "^name${tab}parameters${tab}blocks$tab" || fail "--list-archs: $(head -n 1 out)"
grep -q "^resnet110-cifar${tab}1727962${tab}54$tab" out || fail "--list-archs: $(cat out)"
small -o - -q | head -c 8 >/dev/null || fail "a closed pipe is no failure"

# Refusals: before anything is trained, and leaving everything as it was.
cp m.h5 before.h5
refused 2 'm.h5.*--force' small -o m.h5
cmp m.h5 before.h5 || fail "a refused output was touched"
small -o m.h5 --force -q >/dev/null
refused 2 '-o FILE' small
refused 2 'did you mean --epochs?' small --epoch 3 -o x.h5
refused 2 'did you mean --weight-decay' small --weigth-decay 3 -o x.h5
refused 2 'unknown architecture' small --arch resnet21 -o x.h5
refused 2 '6n + 2' small --arch resnet21-cifar -o x.h5
refused 2 'no length of training\|not a length' small --warmup 3x -o x.h5
refused 2 'period' small --checkpoint-every 3 -o x.h5
refused 2 'schedule' small --schedule stairs -o x.h5
refused 2 'milestones' small --schedule steps -o x.h5
refused 2 'need a checkpoint' small --resume -o -
refused 2 'need a checkpoint' small --checkpoint-every 5e -o -
refused 2 'stdout' small --json -o -
refused 2 'different files' small --log x.h5 -o x.h5
refused 2 'j.jsonl' small --log j.jsonl -o x.h5
echo 'weigth_decay = 1' >typo.toml
refused 2 "typo.toml:1: unknown key 'weigth_decay'; did you mean 'weight-decay'" \
  small --config typo.toml -o x.h5
printf '# fine\nschedule = "stairs"\n' >value.toml
refused 2 'stairs' resnet-train --config value.toml -o x.h5
refused 2 'no directory' small -o nowhere/x.h5
refused 2 'no directory' small -o x.h5 --checkpoint nowhere/c
refused 2 'no directory' small -o x.h5 --log nowhere/l
mkdir folder
refused 2 'directory' small -o folder
refused 2 'fp8' small -o x.h5 --precision fp8
refused 4 'cuda' small -o x.h5 --device cuda:99
refused 5 'diverged in step.*--lr' small -o x.h5 -q --schedule constant --lr 1e38
refused 2 'kind:where\|KIND:WHERE' small --data nothing -o x.h5
if [ "$(id -u)" != 0 ]; then
  mkdir locked && chmod a-w locked
  refused 1 'locked' small -o locked/x.h5
fi
[ ! -e x.h5 ] || fail "a refused run wrote its output"

# An option beats the environment, which beats the file.
printf 'epochs = 5\nbatch = 24\n' >order.toml
RESNET_EPOCHS=4 resnet-train --config order.toml --limit-train 48 -n --json >out
grep -q '"batch":24,.*"epochs":4,' out || fail "order of sources: $(cat out)"
RESNET_EPOCHS=4 resnet-train --config order.toml --limit-train 48 --epochs 3 -n >out
grep -q '3 epochs of 2 steps' out || fail "order of sources: $(cat out)"
resnet-train --limit-train 48 --batch 16 --epochs 5 --steps 4 -n --json >out
grep -q '"steps":4,' out || fail "--steps is not stronger: $(cat out)"

# CIFAR-10 in all the ways that it comes broken. A record is a label and 3072 bytes.
record() { # record LABEL: octal
  printf "\\$1"
  head -c 3072 /dev/zero
}
mkdir cifar
for batch in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
  { record 000; record 001; record 007; record 011; } >cifar/$batch.bin
done
small -q --data cifar10:cifar -o c.h5 >/dev/null || fail "the small CIFAR-10 was refused"
rm c.h5
refused 3 'nowhere' small -q --data cifar10:nowhere -o c.h5
broken() { # broken PATTERN: with cifar/data_batch_3.bin
  refused 3 'data_batch_3.bin' small -q --data cifar10:cifar -o c.h5
  grep -q -e "$1" err || fail "no '$1' in: $(cat err)"
}
cp cifar/data_batch_3.bin good
rm cifar/data_batch_3.bin
broken ''
head -c 5000 good >cifar/data_batch_3.bin
broken ''
{ cat good; printf x; } >cifar/data_batch_3.bin
broken ''
{ record 000; record 012; } >cifar/data_batch_3.bin
broken 'label\|10'
cp good cifar/data_batch_3.bin

# A model is made for its data; a test set of another shape cannot be.
head -c 3000 m.h5 >short.h5
refused 3 'short.h5' small -q --data h5:short.h5 -o c.h5
refused 3 'm.h5' small -q --data h5:m.h5 -o c.h5
[ ! -e c.h5 ] || fail "a run on bad data wrote its output"

# A full disk: the output is refused or kept in the checkpoint, and the last checkpoint survives.
full_disk() { # full_disk FOLDER ROOM: $room makes little room
  code_of small -o "$1/d.h5" --checkpoint-every 1i -q
  [ "$code" = 1 ] || fail "full disk: exit $code: $(cat err)"
  grep -q 'No space left\|File too large' err || fail "full disk: $(cat err)"
  [ ! -e "$1/d.h5" ] || fail "full disk: half an output"
  for left in "$1"/.*.tmp.*; do
    [ ! -e "$left" ] || fail "full disk: $left was left"
  done
}
mkdir disk
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=256k none disk 2>/dev/null; then
  mounted=$scratch/disk
  # Room for one checkpoint beside the stopped one, then none.
  code_of small -o disk/d.h5 --max-time 0.001s -q
  [ "$code" = 75 ] || fail "stop: exit $code: $(cat err)"
  cp disk/d.h5.ckpt kept
  head -c 1000000 /dev/zero >disk/filler 2>/dev/null || true
  code_of small -o disk/d.h5 --checkpoint-every 1i -q --resume
  [ "$code" = 1 ] || fail "full disk: exit $code: $(cat err)"
  grep -q 'No space left' err || fail "full disk: $(cat err)"
  cmp kept disk/d.h5.ckpt || fail "full disk: the checkpoint did not survive"
  [ ! -e disk/d.h5 ] || fail "full disk: half an output"
  rm disk/filler
  small -o disk/d.h5 --resume -q --no-provenance >/dev/null || fail "no going on after a full disk"
else
  echo "not run: full disk on a file system of its own (needs root)"
fi
# A file size limit does the same for anybody. 40 blocks of 512 bytes hold no checkpoint.
(
  trap '' XFSZ
  ulimit -f 40
  mkdir limited
  full_disk limited
)
