#!/bin/sh
# The networks in share/models: small, whole, and without traces of the machine that trained them.
. "${SOURCE:?}/tests/support/cli.sh"
all=0
for model in "$SOURCE"/share/models/*.h5; do
  size=$(wc -c <"$model")
  [ "$size" -le 4194304 ] || fail "$model: $size bytes"
  all=$((all + size))
  resnet-info "$model" >/dev/null || fail "$model: resnet-info refuses it"
  ! resnet-info "$model" --provenance | grep -E 'host|cifar10:/' || fail "$model: says where it was made"
done
[ $all -le 8388608 ] || fail "share/models: $all bytes"

# A network that has learnt something: here on images that it has never seen the like of.
model=$SOURCE/share/models/preresnet110-cifar10.h5
[ "$(resnet-info "$model" --blocks --json | grep -o '"name":"stage[^"]*"' | wc -l)" = 54 ] || fail "not 54 blocks"
resnet-eval "$model" --data synth:shapes --limit-test 20 --json | grep -q '"nonfinite":0' || fail "does not evaluate"
