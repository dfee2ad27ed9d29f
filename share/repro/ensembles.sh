#!/bin/sh
# ensembles.sh BUILD SCALE [DATA]: the studies of Veit, Wilber and Belongie 2016 (lesions: Figs 3, 5a, 5b, 8;
# paths: Fig 6, with the exact gradient by length; effective paths trained alone), trained and drawn. SCALE is
#   smoke  minutes, on built-in data: everything runs, nothing is learnt from the figures
#   cpu    hours on 2 cores: a 54-block network on CIFAR-10, recipes short-cifar-110 and short-vgg15
#   paper  the paper's 164 epochs: days on a CPU
# MODEL=FILE takes a network of yours instead of training the first one. Leaves BUILD/repro/ensembles.
# What is finished is not done again: the same command goes on where it was stopped.
set -eu
build=$(cd "$1" && pwd)
scale=$2
data=${3:-synth:shapes}
recipes=$(cd "$(dirname "$0")/../recipes" && pwd)
PATH=$build/bin:$PATH
model=${MODEL:+$(realpath "$MODEL")}
out=$build/repro/ensembles/$scale
mkdir -p "$out"
cd "$out"

step() {
  printf '$ %s\n' "$*"
  "$@"
}
train() { # train NAME OPTION...
  name=$1
  shift
  step resnet-train "$@" --data "$data" -o "$name.h5" --log "$name.jsonl" --resume -q
}
lesion() { # lesion MODEL NAME OPTION...
  from=$1 name=$2
  shift 2
  step resnet-lesion "$from" --data "$data" $limit "$@" -o "$name.h5" --resume -q
}

paths() { # paths MODEL NAME OPTION...
  from=$1 name=$2
  shift 2
  step resnet-paths "$from" --data "$data" "$@" -o "$name.h5" --resume -q
}

case $scale in
  smoke)
    small="--limit-train 1280 --limit-test 250 --epochs 2 --lr 0.1 --warmup 4i --batch 64"
    net="--arch preresnet20-cifar $small"
    control="--arch vgg15-cifar --width 16 $small"
    limit="--limit-test 250"
    ks=1,2,4 swaps=1,2,4 trials=4
    keep=4 spectrum=50 measurements=5
    ;;
  cpu)
    net="--config $recipes/short-cifar-110.toml"
    control="--config $recipes/short-vgg15.toml"
    limit=
    ks=1,2,5,10,15,20 swaps=1,2,5,10,20,40 trials=20
    keep=23 spectrum=500 measurements=20
    ;;
  paper)
    net="--config $recipes/fb-cifar-110.toml"
    control="--config $recipes/fb-cifar-110.toml --arch vgg15-cifar"
    limit=
    ks=1,2,3,4,5,6,7,8,9,10,12,14,16,18,20 swaps=1,2,4,8,12,16,20,24,28,32,36,40 trials=50
    keep=23 spectrum=10000 measurements=1000
    ;;
  *)
    echo "ensembles.sh: SCALE is smoke, cpu or paper, not '$scale'" >&2
    exit 2
    ;;
esac

# shellcheck disable=SC2086 # options are words
{
  [ -n "$model" ] || train resnet $net
  train vgg $control
  train depth $net --stochastic-depth 0.5
  train effective $net --keep-blocks $keep
}
resnet=${model:-resnet.h5}
lesion "$resnet" each --delete-each
lesion vgg.h5 each-vgg --delete-each
lesion depth.h5 each-depth --delete-each
lesion "$resnet" random --delete-random "$ks" --trials "$trials"
lesion "$resnet" shuffle --shuffle "$swaps" --trials "$trials"
paths "$resnet" paths --spectrum --limit-test "$spectrum" --weights --branches --sample --trials "$measurements" \
  --batch 32

plot() { # plot NAME TITLE RESULT...
  name=$1 title=$2
  shift 2
  step resnet-plot "$@" --title "$title" --force -o "$name.svg"
}
plot fig3 "One block deleted: residual network" each.h5
plot fig3-vgg "One layer deleted: no shortcuts" each-vgg.h5
plot fig5a "k blocks deleted at random" random.h5
plot fig5b "Blocks exchanged" shuffle.h5
plot fig6a "Paths by length" --show lengths paths.h5
plot fig6b "Gradient along sampled paths" --show sampled paths.h5
plot fig6c "What each length carries" --show effective paths.h5
plot weights "Gradient of weights by path length" --show weights paths.h5
plot damage "Damage against share of the gradient" paths.h5 each.h5
plot fig8 "One block deleted: stochastic depth" --label constant --label stochastic each.h5 each-depth.h5

range() { # the intact error, and the smallest, median and largest one of a table
  resnet-plot "$1" --table | awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; ++i) if ($i == "error") at = i }
    NR == 2 { printf "intact %.1f %%; ", $at } NR > 2 { print $at | "sort -n > range.tmp" }'
  awk '{ e[NR] = $1 } END { printf "deleted %.1f to %.1f %%, median %.1f %%", e[1], e[NR], e[int((NR + 1) / 2)] }' range.tmp
  rm -f range.tmp
}
test_error() { # of a model
  resnet-eval "$1" --data "$data" $limit -q --json | sed 's/.*"error":\([0-9.]*\).*/\1/'
}
carries() { # which lengths carry 95 %: exactly, or counted
  resnet-info paths.h5 --json |
    sed -n "s/.*\"effective_$1\":{\"first\":\([0-9]*\),\"last\":\([0-9]*\),\"share\":\([0-9.]*\)}.*/\1 to \2/p"
}
{
  cat <<HTML
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Residual networks as ensembles of shallow networks</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 46em; margin: 3em auto; padding: 0 1em; color: #222; }
  img { width: 100%; }
</style>
<h1>Residual networks as ensembles of shallow networks</h1>
<p>The lesion study of Veit, Wilber and Belongie 2016 (arXiv 1605.06431), scale <b>$scale</b>, data
<code>$data</code>, by resnet-tools. Percentages are test error.</p>
<h2>Fig 3: delete one block</h2>
<p>Paper: of a network without shortcuts every deletion leaves chance; a residual network hardly notices, but for
the blocks that down-sample. Here: residual $(range each.h5); without shortcuts $(range each-vgg.h5).</p>
<img src="fig3.svg" alt="Error against the deleted block, residual network">
<img src="fig3-vgg.svg" alt="Error against the deleted layer, without shortcuts">
<h2>Fig 5a: delete several</h2>
<p>Paper: the error grows smoothly with the number of deleted blocks.</p>
<img src="fig5a.svg" alt="Error against the number of deleted blocks">
<h2>Fig 5b: exchange blocks</h2>
<p>Paper: the error grows smoothly as the order is lost (Kendall's tau).</p>
<img src="fig5b.svg" alt="Error against Kendall's tau">
<h2>Fig 6: paths</h2>
<p>Paper: of 54 blocks' paths more than 95 % are 19 to 35 branches long; the gradient along a path shrinks with
its length; so nearly all of the gradient comes from paths of 5 to 17. That multiplies the number of paths by the
mean norm of sampled ones, as if no two gradients cancelled. Here 95 % are carried by lengths
<b>$(carries counted)</b> counted so, and by <b>$(carries exact)</b> exactly.</p>
<img src="fig6a.svg" alt="Share of the paths against their length">
<img src="fig6b.svg" alt="Gradient norm at the input against the length of sampled paths">
<img src="fig6c.svg" alt="Share of each length: paths, as the paper counts, exactly">
<img src="weights.svg" alt="Norm of the weights' gradient, by block and length of the path behind it">
<img src="damage.svg" alt="Error without a block against the share of the gradient through it">
<h2>Effective paths alone</h2>
<p>Paper: trained on 23 random blocks of 54 a batch, the network ends at 5.96 % error, the whole one at 6.10 %:
no difference to speak of. Here: $(test_error effective.h5) % with $keep blocks a batch, $(test_error "$resnet") % with all.</p>
<h2>Fig 8: stochastic depth</h2>
<p>Paper: trained under stochastic depth, a network is only slightly more resilient; it depends less on its
down-sampling blocks. Here: $(range each-depth.h5).</p>
<img src="fig8.svg" alt="Error against the deleted block, with and without stochastic depth">
</html>
HTML
} >index.html
printf 'Done: %s/index.html\n' "$out"
