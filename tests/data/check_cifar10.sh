#!/bin/sh
# check_cifar10.sh BUILD DIR: checks on the real CIFAR-10 (binary version). With LONG=1 also the short
# recipe, about 40 minutes on 2 cores, and its error.
set -eu
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")/../.." && pwd)
if [ ! -d "$2" ]; then
  echo "$2 is not there: give CIFAR10=DIR, or run 'make fetch-cifar10' first" >&2
  exit 3
fi
data=cifar10:$(cd "$2" && pwd)
PATH=$build/bin:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
failed=0
check() { # check WHAT COMMAND...
  what=$1
  shift
  if "$@"; then echo "passed: $what"; else echo "FAILED: $what"; failed=1; fi
}
number() { sed -n "s/.*\"$1\":\([-0-9.e+]*\).*/\1/p" "$2"; }

resnet-data "$data" --json >data.json
check "50,000 training and 10,000 test images" grep -q '50000.*10000' data.json
resnet-train --data "$data" --arch resnet8-cifar --limit-train 5000 --limit-test 1000 --epochs 2 \
  --lr 0.05 --batch 64 --pad 4 --flip --no-provenance --threads 1 -q -o one.h5
resnet-train --data "$data" --arch resnet8-cifar --limit-train 5000 --limit-test 1000 --epochs 2 \
  --lr 0.05 --batch 64 --pad 4 --flip --no-provenance --threads 2 -q -o two.h5
check "one and two threads give the same bytes" cmp one.h5 two.h5
resnet-eval one.h5 --data "$data" --json >eval.json
check "two epochs of 5,000 images learn something (error $(number error eval.json) % < 75 %)" \
  awk "BEGIN { exit !($(number error eval.json) < 75) }"
if [ "${LONG:-0}" = 1 ]; then
  resnet-train --config "$here/share/recipes/short-cifar.toml" --data "$data" -o short.h5 --json \
    >short.json
  check "the short recipe reaches 10.5 % ($(number test_error short.json) %)" \
    awk "BEGIN { exit !($(number test_error short.json) <= 10.5) }"
fi
exit $failed
