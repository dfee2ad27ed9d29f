#!/bin/sh
# resnet-info from the outside: models, results, data files, pipes, refusals.
. "${SOURCE:?}/tests/support/cli.sh"
resnet-train --arch preresnet20-cifar --epochs 1 --limit-train 64 --limit-test 32 --batch 32 \
  --save-optimizer -q -o model.h5 >summary

# Models.
resnet-info model.h5 >text
grep -q '^arch  *preresnet20-cifar, [0-9]* parameters, float32$' text || fail "arch: $(cat text)"
grep -q '^training  *complete, 1 epochs, 2 steps of 32 images' text || fail "training: $(cat text)"
grep -q '^optimizer ' text || fail "optimizer: $(cat text)"
resnet-info - <model.h5 | sed 's/stdin/model.h5/' | cmp - text || fail "file and pipe differ"
[ "$(resnet-info model.h5 --blocks | wc -l)" = 10 ] || fail "--blocks: not one line a block"
resnet-info model.h5 --blocks | awk -F'\t' 'NF != 20 { exit 1 }' || fail "--blocks: ragged"
resnet-info model.h5 --parameters | awk -F'\t' 'NF != 9 || (NR > 1 && $9 != 0) { exit 1 }' ||
  fail "--parameters"
# Parameters add up to what the summary says.
sum=$(resnet-info model.h5 --parameters | awk -F'\t' '$2 == "parameter" {
  n = split(substr($3, 2, length($3) - 2), d, ", "); p = 1
  for (i = 1; i <= n; i++) p *= d[i]
  s += p } END { print s }')
grep -q ", $sum parameters," text || fail "parameters add up to $sum: $(cat text)"
resnet-info model.h5 --provenance | grep -q '^tool	resnet-train$' || fail "--provenance"
resnet-info model.h5 --provenance | grep -q '^library onednn	[0-9]' || fail "--provenance: libraries"
resnet-info model.h5 --provenance | grep -q '^instruction_set	[a-z]' || fail "--provenance: instruction set"
resnet-info model.h5 --json --blocks --parameters --provenance >json
[ "$(wc -l <json)" = 1 ] || fail "--json is not one line"
for key in arch parameters training last_epoch blocks tensors provenance; do
  grep -q "\"$key\":" json || fail "--json has no $key"
done
if command -v python3 >/dev/null; then
  python3 -m json.tool json >/dev/null || fail "--json is no JSON"
fi

# Results and data files.
resnet-eval model.h5 --limit-test 16 -q -o result.h5 >summary
resnet-info result.h5 | grep -q '^per_class/error	float64	10	%$' || fail "result: tables"
resnet-info result.h5 --json | grep -q '"kind":"evaluation"' || fail "result: --json"
resnet-info result.h5 --provenance | grep -q '^tool	resnet-eval$' || fail "result: --provenance"
resnet-data synth:shapes --limit-train 20 --limit-test 10 -o data.h5
resnet-info data.h5 | grep -q '^train/images	uint8	20x32x32x3	' || fail "data: tables"
refused 2 'no blocks' resnet-info data.h5 --blocks

# What is none of ours.
printf 'text, no model\n' >text.h5
: >empty.h5
head -c 20000 model.h5 >short.h5
for bad in text.h5 empty.h5 short.h5; do
  refused 3 "$bad" resnet-info $bad
  refused 3 'stdin' sh -c "resnet-info - <$bad"
done
refused 3 'missing.h5' resnet-info missing.h5
refused 3 'directory' resnet-info .
refused 2 'FILE' resnet-info
refused 1 'No space left' sh -c 'resnet-info model.h5 >/dev/full'
