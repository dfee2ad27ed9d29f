#!/bin/sh
# revnet-memprof from the outside: what it says, writes and refuses; and training in each mode.
. "${SOURCE:?}/tests/support/cli.sh"
small="--archs revnet38-cifar --widths 4,4,8,8 --image-size 8 --batch 4 --steps 0"
# shellcheck disable=SC2086 # options are words
{
  # To the byte the same for 3, 9 and 27 units.
  revnet-memprof $small --depths 3,9,27 --no-exactness --table -q >table
  head -1 table | grep -q 'peak_activation' || fail "no header: $(head -1 table)"
  [ "$(awk -F'\t' '$6 == "reversible" { print $10 }' table | sort -u | wc -l)" = 1 ] ||
    fail "activations of the reversible network grow with depth: $(cut -f 2,6,10 table)"
  [ "$(awk -F'\t' '$6 == "stored" { print $10 }' table | sort -u | wc -l)" = 3 ] ||
    fail "stored activations do not grow: $(cut -f 2,6,10 table)"

  # The same numbers in a file, in a pipe, as JSON; the same bytes twice.
  revnet-memprof $small --depths 2,3 --stream float,fixed:10 --precision fp32,bf16 -o m.h5 --no-provenance -q >text
  grep -q 'revnet38-cifar *2 .*reversible, fixed:10' text || fail "no fixed stream: $(cat text)"
  grep -q 'fixed:10: gradients 0 degrees apart' text || fail "not exact: $(cat text)"
  resnet-info m.h5 | grep -q 'kind memory' || fail "resnet-info does not know it"
  resnet-info m.h5 --json | grep -q '"kind":"memory"' || fail "no JSON from resnet-info"
  for what in depth cost angle timeline peaks reconstruction fits limits; do
    resnet-plot m.h5 --table --show $what >t || fail "no table of $what"
    head -1 t | grep -q arch || fail "table of $what has no header"
  done
  revnet-memprof $small --depths 2 -o - -q | resnet-info - --json | grep -q '"cases"' || fail "pipe"
  revnet-memprof $small --dry-run | grep -q 'multiply-adds' || fail "dry run"
  if command -v gnuplot >/dev/null; then
    for what in depth angle timeline; do
      resnet-plot m.h5 --show $what -o $what.svg || fail "no picture of $what"
      grep -q '</svg>' $what.svg || fail "$what.svg is no picture"
    done
    refused 2 'has no times' resnet-plot m.h5 --show cost -o cost.svg
    refused 2 'there is no picture' resnet-plot m.h5 --show peaks -o peaks.svg
  fi

  # What fits.
  revnet-memprof $small --depths 2 --no-exactness --fit 2M --max-units 12 --max-batch 64 -q >fit
  grep -q 'units a stage at batch 4' fit || fail "no depth that fits: $(cat fit)"
  grep -q 'a batch of' fit || fail "no batch that fits: $(cat fit)"
  refused 1 'hold no training' revnet-memprof $small --no-exactness --modes stored --fit 10K -q

  refused 2 'is not reversible' revnet-memprof --archs resnet20-cifar --modes reversible -q
  refused 3 'must be even' revnet-memprof --archs revnet38-cifar --widths 4,4,7,8 -q
  refused 2 'depth of its name' revnet-memprof --archs resnet20-cifar --depths 3 -q
  refused 2 'unknown architecture' revnet-memprof --archs revnet39-cifar -q
  refused 2 'want stdout' revnet-memprof $small -o - --json -q
  refused 2 'want stdout' revnet-memprof $small --table --json -q
  refused 2 'lr goes with --train-steps' revnet-memprof $small --lr 0.2 -q
  refused 2 'max-batch goes with --fit' revnet-memprof $small --max-batch 2 -q
  refused 2 '--force' revnet-memprof $small -o m.h5 -q
}

# Training in each mode.
train="resnet-train --arch revnet38-cifar --units 2,2,2 --widths 4,4,8,8 --limit-train 64 --limit-test 32 --batch 16
  --epochs 1 --lr 0.02 -q --no-provenance --stream fixed"
for keep in stored checkpointed:2 reversible; do
  $train --activations $keep -o "$keep.h5"
  resnet-eval "$keep.h5" -q --limit-test 32 --json | sed 's/.*"error":\([0-9.]*\).*/\1/' >"$keep.error"
done
cmp stored.error reversible.error || fail "not the same network"
resnet-info stored.h5 | grep -q '2 reversible basic of 4' || fail "$(resnet-info stored.h5)"
resnet-info stored.h5 --blocks | head -1 | grep -q reversible || fail "no column"
resnet-lesion stored.h5 --limit-test 16 -q --table | grep -q 'stage2.block2' || fail "no lesions"
refused 3 'reversible' resnet-paths stored.h5 --limit-test 16 -q
refused 2 'is not reversible' resnet-train --arch resnet8-cifar --activations reversible -o no.h5 -q
refused 2 'stream fixed' resnet-train --arch resnet8-cifar --stream fixed -o no.h5 -q
refused 2 'expected stored' resnet-train --activations all -o no.h5 -q
refused 2 'is reversible' resnet-train --arch revnet38-cifar --stochastic-depth 0.5 -o no.h5 -q
refused 3 'must be even' resnet-train --arch revnet38-cifar --widths 4,4,7,8 -o no.h5 -q
refused 5 'overflows' resnet-train --arch revnet38-cifar --units 2,2,2 --widths 4,4,8,8 --limit-train 64 --stream fixed:20 \
  --limit-test 32 --epochs 1 --lr 5 --batch 16 -o no.h5 -q --eval-on none
