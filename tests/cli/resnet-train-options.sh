#!/bin/sh
# Training with everything on at once, killed and resumed: the same bytes; and wrong values of options:
# one line, exit 2.
. "${SOURCE:?}/tests/support/cli.sh"
cat >all.toml <<'END'
arch = "resnet8-cifar"
width = 4
limit-train = 150
limit-test = 40
val = 30
batch = 16
epochs = "3e"
optimizer = "adamw"
lr = 0.005
lr-batch = 32
schedule = "cosine"
warmup = "3i"
norm-decay = 0
head-lr = 2
clip-norm = 1
micro-batch = 6
ema = 0.9
ema-every = "2i"
ema-start = "4i"
label-smoothing = 0.1
dropout = 0.2
stochastic-depth = 0.2
bn-momentum = 0.2
bn-eps = 1e-3
on-nan = "skip"
patience = 9
pad = 2
flip = true
random-crop = [0.3, 1]
jitter = [0.4, 0.4, 0.4, 0.1]
lighting = 0.1
cutout = 8
random-erase = 0.3
mixup = 0.4
cutmix = 1
END
export RESNET_NO_PROVENANCE=true RESNET_CONFIG=all.toml
resnet-train -q --threads 1 --loaders 1 --save-optimizer -o one.h5 --keep-best --keep-last 2 >/dev/null
killed=0
: >kill.jsonl
for lines in 1 3 4 6 7 9 10 12; do
  resnet-train -q --loaders 3 --save-optimizer -o kill.h5 --keep-best --keep-last 2 --log kill.jsonl --log-every 3i \
    --resume --checkpoint-every 1i >/dev/null 2>err &
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
[ $killed -ge 2 ] || fail "only $killed runs were killed in time"
resnet-train -q --save-optimizer -o kill.h5 --keep-best --keep-last 2 --log kill.jsonl --log-every 3i --resume >/dev/null
cmp one.h5 kill.h5 || fail "killed $killed times: other bytes"
for kept in one.best.h5 one.epoch2.h5 one.epoch3.h5; do
  [ -s $kept ] || fail "no $kept: $(ls)"
  env -u RESNET_CONFIG resnet-eval -q $kept --limit-test 20 >/dev/null || fail "$kept is no model"
done
[ ! -e one.epoch1.h5 ] || fail "one.epoch1.h5 was not removed"
# What decides the result decides whether a checkpoint is taken up.
resnet-train -q -o other.h5 --max-time 0.001s >/dev/null 2>&1 || true
code=0
resnet-train -q -o other.h5 --resume --mixup 0.3 >/dev/null 2>err || code=$?
[ $code = 2 ] && grep -q 'another mixup: 0.4, here 0.3' err || fail "another mixup: exit $code: $(cat err)"

unset RESNET_CONFIG
refuse() { # refuse WORDS OPTION...
  words=$1
  shift
  refused 2 "$words" resnet-train --limit-train 64 --arch resnet8-cifar -o bad.h5 "$@"
}
refuse "sgd, adam or adamw" --optimizer rmsprop
refuse "--beta1" --beta1 1
refuse "--beta2" --beta2 -0.1
refuse "--adam-eps" --adam-eps 0
refuse "--norm-decay" --norm-decay -1
refuse "--bias-decay" --bias-decay x
refuse "--norm-lr" --norm-lr -1
refuse "--bias-lr" --bias-lr nan
refuse "--head-lr" --head-lr inf
refuse "--lr-batch" --lr-batch -3
refuse "--clip-norm" --clip-norm -1
refuse "one of them" --clip-norm 1 --clip-value 1
refuse "--micro-batch" --micro-batch 1.5
refuse "500M or 4G" --memory-limit lots
refuse "not enough for one image" --memory-limit 10K
refuse "one of them" --memory-limit 1G --micro-batch 4
refuse "--ema" --ema 1
refuse "is not a length" --ema-every often
refuse "is not a length" --ema-start later
refuse "--label-smoothing" --label-smoothing 1.1
refuse "--dropout" --dropout 1
refuse "--bn-momentum" --bn-momentum 0
refuse "--bn-eps" --bn-eps 1
refuse "stop or skip" --on-nan ignore
refuse "--patience" --patience -1
refuse "need evaluations" --patience 1 --eval-on none
refuse "need evaluations" --keep-best --eval-on none
refuse "--keep-last" --keep-last -2
refuse "excludes" --init a --init-from b
refuse "--random-crop" --random-crop 0.5
refuse "the lower" --random-crop 1,0.5
refuse "the lower" --crop-ratio 2,0.5
refuse "--jitter" --jitter 1,1,1
refuse "half a turn" --jitter 0,0,0,0.7
refuse "--lighting" --lighting -1
refuse "--cutout" --cutout -1
refuse "--random-erase" --random-erase 1.5
refuse "--mixup" --mixup -0.1
refuse "--cutmix" --cutmix x
refuse "--loaders" --loaders -1
# Options that would do nothing; in a recipe or the environment they may wait for another command.
refuse "nesterov goes with --optimizer sgd" --optimizer adam --nesterov
refuse "momentum goes with --optimizer sgd" --optimizer adamw --momentum 0.8
refuse "adam-eps goes with --optimizer adam" --adam-eps=1e-6
refuse "gamma goes with --schedule steps" --gamma 0.2
refuse "warmup-from goes with --warmup" --warmup-from 0.1
refuse "ema-every goes with --ema" --ema-every 2i
refuse "crop-ratio goes with --random-crop" --crop-ratio 0.5,2
refuse "depth-mode goes with --stochastic-depth" --depth-mode row
refuse "rescale-blocks goes with --keep-blocks" --rescale-blocks
printf 'momentum = 0.8\ngamma = 0.2\nrescale-blocks = true\nmilestones = ["1e"]\n' >waiting.toml
RESNET_ADAM_EPS=1e-6 expect 0 "" resnet-train --config waiting.toml --optimizer sgd --dry-run
expect 0 "" resnet-train --config waiting.toml --optimizer adam --no-nesterov --dry-run
[ ! -e bad.h5 ] || fail "a refused training wrote its output"
