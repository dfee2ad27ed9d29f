#!/bin/sh
# Each recipe that comes with the tools is one that resnet-train takes, and means what it says.
. "${SOURCE:?}/tests/support/cli.sh"
recipes=$SOURCE/share/recipes
for recipe in "$recipes"/*.toml; do
  case $recipe in */video-* | */short-video-*) continue ;; esac  # of video-twostream
  # The built-in data stands in for CIFAR-10, a few images for the whole.
  case $recipe in
    */spiral-*) data=synth:spirals ;;
    *) data=synth:shapes ;;
  esac
  plan=$(resnet-train --config "$recipe" --data $data --limit-train 2560 --limit-test 16 --batch 4 --val 16 -n) ||
    fail "$recipe: refused"
  echo "$plan" | grep -q '^network *\(\(pre\)*resnet\|vgg\|wrn\|revnet\|ck\)' || fail "$recipe: $plan"
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

# The numbers that the papers and codes tell.
plan() {
  name=$1
  shift
  resnet-train --config "$recipes/$name.toml" --arch resnet8-cifar --shortcut pad_end --limit-train "$@" --limit-test 16 -n
}
says() { # says WORDS PLAN
  echo "$2" | grep -qF -e "$1" || fail "no '$1' in: $2"
}
he=$(plan he-imagenet 2560)
says ': 600000 steps' "$he"
says '0.1 at first, 0.1 at most, 0.0001 at last' "$he"
rev=$(plan revnet-cifar 1000 --activations stored)
says 'of 10 steps of 100 images: 80000 steps' "$rev"
says '0.001 at last' "$rev"
says ': 600000 steps' "$(plan revnet-imagenet 2560)"
depth=$(plan stochastic-depth-110 5128)
says '128 images to train, 5000 to validate' "$depth"
says '500 epochs of 1 steps' "$depth"
says '200 epochs of 2 steps of 64 images' "$(plan resnet-1001 128)"
says '90 epochs of 1 steps of 256 images' "$(plan torchvision-resnet50 256)"
two=$(plan torchvision-v2-resnet50 1024)
says '600 epochs of 1 steps of 1024 images' "$two"
says '0.005 at first, 0.5 at most' "$two"
