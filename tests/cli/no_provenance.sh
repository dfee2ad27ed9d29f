#!/bin/sh
# --no-provenance: nothing in a file tells where its inputs lie; the same inputs elsewhere, the same bytes.
. "${SOURCE:?}/tests/support/cli.sh"
mkdir private-one private-two
resnet-data synth:shapes --limit-train 64 --limit-test 16 -q -o private-one/d.h5 >/dev/null
cp private-one/d.h5 private-two/d.h5
small="--arch resnet8-cifar --width 4 --epochs 1 --batch 32 -q"
for place in private-one private-two; do
  data=h5:$place/d.h5
  # shellcheck disable=SC2086
  {
    resnet-train $small --data "$data" --no-provenance -o $place/first.h5 >/dev/null
    resnet-train $small --data "$data" --init $place/first.h5 --no-provenance -o $place/fine.h5 >/dev/null
  }
  # Made with provenance, and cleaned by who hands it on.
  resnet-train $small --data "$data" -o $place/whole.h5 >/dev/null
  resnet-convert $place/whole.h5 --store bf16 --no-provenance -q -o $place/half.h5
  for tool in eval lesion paths geometry; do
    resnet-$tool $place/first.h5 --data "$data" --no-provenance -q -o $place/$tool.h5 >/dev/null
  done
  for k in 1 2; do
    resnet-lesion $place/first.h5 --data "$data" --shard $k/2 -q -o $place/lesion$k.h5 >/dev/null
    resnet-paths $place/first.h5 --data "$data" --batch 8 --shard $k/2 -q -o $place/paths$k.h5 >/dev/null
    resnet-geometry $place/first.h5 --data "$data" --shard $k/2 -q -o $place/geometry$k.h5 >/dev/null
  done
  for tool in lesion paths geometry; do
    resnet-$tool --merge $place/${tool}1.h5 $place/${tool}2.h5 --no-provenance -q -o $place/all-$tool.h5 >/dev/null
  done
done
for file in first fine half eval lesion paths geometry all-lesion all-paths all-geometry; do
  ! grep -a -q private- private-one/$file.h5 || fail "$file.h5: says where its inputs lie"
  case $file in all-*) continue ;; esac # of shards that tell their time
  cmp private-one/$file.h5 private-two/$file.h5 || fail "$file.h5: other bytes in another directory"
done
grep -a -q private- private-one/whole.h5 || fail "without --no-provenance a model does not say what it is of"
resnet-info private-one/half.h5 --provenance | grep -q '^data = "h5"$' || fail "of the data the kind is lost"
# Training goes on from a checkpoint that does not say where the data are.
# shellcheck disable=SC2086
(
  code=0
  resnet-train $small --data h5:private-one/d.h5 --no-provenance --epochs 2 --checkpoint-every 1i --max-time 0.01s \
    --resume -o on.h5 >/dev/null || code=$?
  [ $code = 75 ] || [ $code = 0 ] || fail "stopped with $code"
  resnet-train $small --data h5:private-two/d.h5 --no-provenance --epochs 2 --resume -o on.h5 >/dev/null
  resnet-train $small --data h5:private-two/d.h5 --no-provenance --epochs 2 -o once.h5 >/dev/null
  cmp on.h5 once.h5 || fail "stopped and gone on elsewhere: other bytes"
)
