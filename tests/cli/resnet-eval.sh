#!/bin/sh
# resnet-eval from the outside: pipes, results, refusals, threads.
. "${SOURCE:?}/tests/support/cli.sh"
# From the trainer, through a pipe and from a file.
train="resnet-train --epochs 1 --limit-train 96 --limit-test 64 --val 32 --batch 32 -q"
$train -o - | resnet-eval - --data synth:shapes --limit-test 64 --json >pipe.json
[ "$(wc -l <pipe.json)" = 1 ] || fail "--json is not one line"
for key in count errors error top5_error loss arch parameters images_per_second; do
  grep -q "\"$key\":" pipe.json || fail "--json has no $key"
done
grep -q '"count":64' pipe.json || fail "--limit-test: $(cat pipe.json)"
$train -o model.h5 >summary
resnet-eval model.h5 --limit-test 64 --json 2>err >file.json
[ ! -s err ] || fail "something on stderr: $(cat err)"
strip() { sed -e 's/"model":"[^"]*",//' -e 's/"images_per_second":[^,}]*//' "$1"; }
strip pipe.json >a && strip file.json >b && cmp a b || fail "pipe and file differ"

# What the trainer measured is what is measured here.
error=$(resnet-info model.h5 --json | grep -o '"test_error":[0-9.]*')
[ -n "$error" ] || fail "no test error in the model"
grep -q "\"error\":${error#*:}," file.json || fail "trained with $error: $(cat file.json)"
resnet-eval model.h5 --split val --json | grep -q '"count":32' || fail "--split val"

# Text, tables.
resnet-eval model.h5 --limit-test 64 --per-class --confusion >text
[ "$(wc -l <text)" = 26 ] || fail "per class and confusion: $(cat text)"
grep -q "^class	count	errors	error$" text || fail "no table of classes"

# Result files: readable by others, the same for any number of threads.
resnet-eval model.h5 --limit-test 64 --threads 1 --no-provenance -o one.h5 >a
resnet-eval model.h5 --limit-test 64 --threads 3 --no-provenance -o three.h5 >a
cmp one.h5 three.h5 || fail "predictions depend on the number of threads"
resnet-eval - --limit-test 64 --no-provenance -o - <model.h5 | sed -n '$=' >a || fail "-o -"
[ -s a ] || fail "-o - wrote nothing"
if command -v h5dump >/dev/null; then
  h5dump -d /samples/prediction one.h5 | grep -q '( 64 )' || fail "h5dump: predictions"
  h5dump -a /kind one.h5 | grep -q evaluation || fail "h5dump: kind"
  h5ls -r one.h5 | grep -q '/logits *Dataset {64, 10}' || fail "h5ls: logits"
fi
resnet-info one.h5 | grep -q '^kind	evaluation$' || fail "resnet-info does not know the result"
refused 2 '--force' resnet-eval model.h5 -o one.h5
resnet-eval model.h5 --limit-test 8 -o one.h5 --force >a
resnet-eval model.h5 --limit-test 64 --precision fp64 --batch 16 --json | grep -q '"count":64' ||
  fail "fp64"
resnet-eval model.h5 --limit-test 64 --precision bf16 --json | grep -q '"count":64' ||
  fail "bf16"
resnet-eval model.h5 --dry-run -o dry.h5 | grep -q '2000 images' || fail "--dry-run"
[ ! -e dry.h5 ] || fail "--dry-run wrote a file"

# Bad models, through a file and a pipe.
printf 'text, no model\n' >text.h5
: >empty.h5
head -c 20000 model.h5 >short.h5
for bad in text.h5 empty.h5 short.h5; do
  refused 3 "$bad" resnet-eval $bad --data synth:shapes
  refused 3 'stdin' sh -c "resnet-eval - --data synth:shapes <$bad"
done
refused 3 'missing.h5' resnet-eval missing.h5 --data synth:shapes
refused 3 'one.h5: is a result' resnet-eval one.h5 --data synth:shapes
if command -v python3 >/dev/null && python3 -c 'import h5py' 2>/dev/null; then
  python3 -c 'import h5py; h5py.File("foreign.h5", "w")["x"] = [1, 2]'
  refused 3 'not one of resnet-tools' resnet-eval foreign.h5 --data synth:shapes
fi

# Data that is absent or does not fit, odd options.
refused 3 'nowhere' resnet-eval model.h5 --data cifar10:nowhere
refused 2 'KIND:WHERE' resnet-eval model.h5 --data nosuchkind:x
refused 2 'limit-test' resnet-eval model.h5 --limit-test 0
refused 2 'stdout' resnet-eval model.h5 -o - --json
refused 1 'No space left' sh -c 'resnet-eval model.h5 --limit-test 8 -o - >/dev/full'
refused 1 'No space left' sh -c 'resnet-eval model.h5 --limit-test 8 >/dev/full'
