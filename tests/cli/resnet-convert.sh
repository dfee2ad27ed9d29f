#!/bin/sh
# resnet-convert from the outside: out and in again, pipes, listings, refusals.
. "${SOURCE:?}/tests/support/cli.sh"
train="resnet-train --epochs 1 --limit-train 64 --limit-test 64 --batch 32 -q"
evaluate() { resnet-eval "$1" --data synth:shapes --limit-test 64 --json |
  sed -e 's/"model":"[^"]*",//' -e 's/"images_per_second":[^,}]*//'; }
tensors() { resnet-info "$1" --parameters; }

# Out and back, bit for bit, in both forms, for different tables.
for arch in "resnet8-cifar" "resnet8-cifar --shortcut pad_both" "preresnet8-cifar --shortcut conv"; do
  # shellcheck disable=SC2086
  $train --arch $arch --width 8 -o model.h5 --force >summary
  evaluate model.h5 >want
  for form in out.safetensors out.h5; do
    resnet-convert model.h5 -o $form --force 2>note
    [ "$(wc -l <note)" = 1 ] || fail "$arch to $form: $(cat note)"
    resnet-convert $form -o back.h5 --force --to model 2>note
    [ "$(wc -l <note)" = 1 ] || fail "$arch from $form: $(cat note)"
    evaluate back.h5 >have
    cmp want have || fail "$arch: $form evaluates differently"
    tensors model.h5 >a
    tensors back.h5 >b
    cmp a b || fail "$arch: other tensors after $form"
    resnet-info model.h5 --blocks >a
    resnet-info back.h5 --blocks >b
    cmp a b || fail "$arch: another block table after $form"
    resnet-convert back.h5 -o twice --to "$(case $form in *.h5) echo keras ;; *) echo safetensors ;; esac)" \
      --force 2>note
    cmp $form twice || fail "$arch: $form is not the same twice"
  done
done
resnet-info back.h5 | grep -q disc || fail "class names are lost"

# Pipes.
$train -o - | resnet-convert - -o - 2>note | resnet-convert - -o - 2>note |
  resnet-eval - --data synth:shapes --limit-test 64 --json | grep -q '"count":64' || fail "pipes"
grep -q 'stdin: safetensors, export of resnet-tools: resnet20-cifar (20 layers deep, 9 blocks' note ||
  fail "not said what it is: $(cat note)"

# What is in a file, and what would be done.
$train --arch resnet8-cifar -o model.h5 --force >summary
resnet-convert model.h5 -o w.safetensors 2>note
resnet-convert --list w.safetensors >list 2>note
head -n 1 list | grep -q '^name	dtype	shape$' || fail "--list: $(head -n 1 list)"
grep -q '^layer1.0.bn1.num_batches_tracked	i64	\[\]$' list || fail "--list: $(cat list)"
grep -q '^conv1.weight	f32	\[16, 3, 3, 3\]$' list || fail "--list: $(cat list)"
grep -q 'w.safetensors: safetensors$' note || fail "--list: $(cat note)"
resnet-convert --list w.safetensors --json 2>note | grep -q '"name":"fc.bias","dtype":"f32","shape":\[10\]' ||
  fail "--list --json"
resnet-convert w.safetensors --dry-run --json >json 2>note
[ "$(wc -l <json)" = 1 ] || fail "--json: $(cat json)"
for key in '"format":"safetensors"' '"arch":"resnet8-cifar"' '"depth":8' '"parameters":75290' \
  '"assumptions":\[\]' '"dry_run":true'; do
  grep -q "$key" json || fail "--json lacks $key: $(cat json)"
done
resnet-convert w.safetensors -o q.h5 -q 2>note
[ ! -s note ] || fail "-q is not quiet: $(cat note)"
resnet-convert w.safetensors -o one.h5 --no-provenance -q
resnet-convert w.safetensors -o two.h5 --no-provenance -q
cmp one.h5 two.h5 || fail "the same conversion gives other bytes"
resnet-info one.h5 --provenance | grep -q resnet-convert || fail "no provenance"
resnet-info q.h5 --provenance | grep -q "$(sha256sum <w.safetensors | cut -d ' ' -f 1)" ||
  fail "the input's digest is not noted"

# What the user knows better is stronger than what the file says.
resnet-convert --normalize 0.5,0.25 --pad-shortcut both --input 32x32 --arch-option bn_momentum=0.2 \
  --arch-option bn_eps=0.001 w.safetensors -o opt.h5 -q
resnet-info opt.h5 --blocks | grep -q pad_both || fail "--pad-shortcut"
resnet-info opt.h5 --blocks | grep -q 0.001 || fail "--arch-option"
seq 10 | sed 's/^/kind/' >names
resnet-convert w.safetensors -o named.h5 --classes names -q
resnet-info named.h5 | grep -q kind7 || fail "--classes"

# A converted model goes on in training, also with other classes; batches are counted on.
resnet-train --init q.h5 --epochs 1 --limit-train 64 --limit-test 64 --batch 32 -q -o fine.h5 >summary ||
  fail "does not go on"
resnet-convert fine.h5 -o fine.safetensors -q
counters() { # of a safetensors file, where the widest type comes first
  skip=$((8 + $(od -An -N8 -tu8 "$1")))
  count=$(resnet-convert --list "$1" 2>note | grep -c num_batches_tracked)
  od -An -v -j $skip -N $((8 * count)) -td8 "$1" | tr -s ' \n' '\n' | sed '/^$/d' | sort -u
}
[ "$(counters w.safetensors)" = 2 ] || fail "counters of norms: $(counters w.safetensors)"
[ "$(counters fine.safetensors)" = 4 ] || fail "counters after more training: $(counters fine.safetensors)"

# A model in half the space: another rounding, not another network; back again nothing more is lost.
resnet-convert model.h5 --store bf16 -o half.h5 -q
[ "$(stat -c %s half.h5)" -lt $(($(stat -c %s model.h5) * 6 / 10)) ] || fail "--store bf16 is not smaller"
resnet-info half.h5 | grep -q bfloat16 || fail "resnet-info does not tell of bfloat16"
resnet-eval half.h5 --limit-test 100 --precision bf16 >/dev/null || fail "half.h5 does not evaluate"
resnet-convert half.h5 --store fp32 -o whole.h5 -q
resnet-convert whole.h5 --store bf16 -o again.h5 -q --no-provenance
resnet-convert half.h5 --store bf16 -o once.h5 -q --no-provenance
cmp once.h5 again.h5 || fail "bf16 -> fp32 -> bf16 changed something"
if command -v h5dump >/dev/null; then
  h5dump -H -d /parameters/stem.conv.weight half.h5 | grep -q '16-bit little-endian floating-point' ||
    fail "h5dump does not know the weights"
fi
refused 2 'is about models' resnet-convert model.h5 --store bf16 --to keras -o x.h5
refused 2 'fp8' resnet-convert model.h5 --store fp8 -o x.h5

# Refusals.
refused 2 'is a model already' resnet-convert model.h5 -o x.h5 --to model
refused 2 'two steps' resnet-convert w.safetensors -o x.h5 --to keras
refused 2 'resnet-info' resnet-convert --list model.h5
refused 2 '\-o FILE is missing' resnet-convert w.safetensors
refused 2 '\-\-force' resnet-convert w.safetensors -o q.h5
refused 2 'KEY=VALUE' resnet-convert w.safetensors -o x.h5 --arch-option stride
refused 2 'known are bn_eps' resnet-convert w.safetensors -o x.h5 --arch-option stride=1
refused 2 'HEIGHTxWIDTH' resnet-convert w.safetensors -o x.h5 --input 32
refused 2 '\-\-normalize' resnet-convert w.safetensors -o x.h5 --normalize 1,2,3
refused 2 'both want stdout' resnet-convert w.safetensors -o - --json
refused 3 'names 3 classes' sh -c 'seq 3 >few; resnet-convert w.safetensors -o x.h5 --classes few'
refused 3 'missing.pth' resnet-convert missing.pth -o x.h5
printf 'text, no weights\n' >text.pth
refused 3 'text.pth' resnet-convert text.pth -o x.h5
head -c 20000 w.safetensors >short.safetensors
refused 3 'short.safetensors' resnet-convert short.safetensors -o x.h5
refused 3 'stdin' sh -c 'resnet-convert - -o x.h5 <short.safetensors'
printf 'fc.bias\tsomething\n' >map
refused 3 'does not fit.*1 missing: fc.bias; 1 left over: something' \
  resnet-convert w.safetensors -o x.h5 --map map
printf 'fc.bia\tsomething\n' >map
refused 3 "map: renames 'fc.bia'" resnet-convert w.safetensors -o x.h5 --map map
refused 3 'does not fit resnet20-cifar' resnet-convert w.safetensors -o x.h5 --arch resnet20-cifar -q
[ ! -e x.h5 ] || fail "a refusal left a file"
refused 1 'No space left' sh -c 'resnet-convert w.safetensors -q -o - >/dev/full'
