#!/bin/sh
# Each recipe that comes with the tools is one that resnet-train takes, and means what it says.
set -eu
: "${SOURCE:?}" "${BUILD:?}"
PATH=$BUILD/bin:$PATH
fail() {
  echo "$*"
  exit 1
}
recipes=$SOURCE/share/recipes
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
for recipe in "$recipes"/*.toml; do
  # The built-in data stands in for CIFAR-10, a few images for the whole.
  plan=$(resnet-train --config "$recipe" --data synth:shapes --limit-train 2560 --limit-test 16 -n) ||
    fail "$recipe: refused"
  echo "$plan" | grep -q '^network *\(\(pre\)*resnet\|vgg\)' || fail "$recipe: $plan"
  grep -q 'resnet-train .*--config share/recipes/'"$(basename "$recipe")" "$recipe" ||
    fail "$recipe: does not say how it is used"
done
code=0
resnet-train --config "$recipes/effective-cifar-110.toml" --arch resnet8-cifar --limit-train 128 --limit-test 16 \
  -n 2>err >out || code=$?
grep -q -e '--keep-blocks 23' err && [ $code = 2 ] || fail "effective-cifar-110: $code, $(cat err)"
he=$(resnet-train --config "$recipes/he-cifar.toml" --limit-train 128 --limit-test 16 -n)
echo "$he" | grep -q ': 64000 steps' || fail "he-cifar: $he"
echo "$he" | grep -q '0.1 at first, 0.1 at most, 0.001 at last' || fail "he-cifar: $he"
he=$(resnet-train --config "$recipes/he-cifar-110.toml" --arch resnet8-cifar --limit-train 128 \
  --limit-test 16 -n)
echo "$he" | grep -q '0.01 at first, 0.1 at most, 0.001 at last' || fail "he-cifar-110: $he"
