#!/bin/sh
# geometry.sh BUILD [CIFAR10-URI]: Hauser and Ray 2017, "Principles of Riemannian Geometry in Neural Networks":
# networks of two coordinates that take a spiral apart, how their layers move the plane, the metric pulled back to
# every layer, the limit of many layers, batches of 300 and 1000; and beyond the paper the metric spectrum of a
# residual network along its depth (of the 54 blocks of share/models on CIFAR-10 where data are given, else of a small
# network trained on built-in data). Minutes on 2 cores. SEEDS=N counts which of N starts separate the spiral (20),
# HALVINGS=N cuts layers in two so often (8).
# Leaves BUILD/repro/geometry. What is finished is not done again.
set -eu
build=$(cd "$1" && pwd)
data=${2:-}
share=$(cd "$(dirname "$0")/.." && pwd)
seeds=${SEEDS:-20}
PATH=$build/bin:$PATH
out=$build/repro/geometry
mkdir -p "$out"
cd "$out"

step() {
  printf '$ %s\n' "$*"
  "$@"
}
train() { # train ORDER SEED NAME OPTION...
  order_=$1 seed_=$2 name_=$3
  shift 3
  [ -f "$name_.h5" ] || resnet-train --config "$share/recipes/spiral-c$order_.toml" --seed "$seed_" "$@" \
    -o "$name_.h5" --resume -q --progress never >"$name_.log" 2>&1 || [ $? = 5 ] || { cat "$name_.log"; exit 1; }
}
train_error() { # percent of training points; 100 where training diverged
  [ -f "$1.h5" ] || { echo 100; return; }
  resnet-eval "$1.h5" --split train -q --json | sed 's/.*"error":\([0-9.e+-]*\).*/\1/'
}

# Which starts end with every training point on its side. Networks of two coordinates do not fill one core: as many
# at a time as there are cores.
cores=$(nproc)
: >counts.tsv
for order in 0 1 2; do
  started=
  for seed in $(seq 1 "$seeds"); do
    train $order "$seed" "c$order-seed$seed" --threads 1 &
    started="$started $!"
    [ $((seed % cores)) != 0 ] || { for pid in $started; do wait "$pid"; done; started=; }
  done
  for pid in $started; do wait "$pid"; done
  separated=0 best=
  for seed in $(seq 1 "$seeds"); do
    name=c$order-seed$seed
    error=$(train_error "$name")
    printf '%s\t%s\t%s\n' "$order" "$seed" "$error" >>counts.tsv
    if [ "$error" = 0 ]; then
      separated=$((separated + 1))
      [ -n "$best" ] || best=$name
    fi
  done
  [ -n "$best" ] || best=$(awk -v k=$order '$1 == k' counts.tsv | sort -k 3 -g | awk 'NR == 1 { print "c" $1 "-seed" $2 }')
  printf 'C^%s: %s of %s starts separate the spiral; figures of %s\n' $order $separated "$seeds" "$best"
  echo "$separated" >separated-c$order.txt
  echo "$best" >best-c$order.txt
done

study() { # study NAME MODEL OPTION...
  name=$1 model=$2
  shift 2
  [ -f "$name.h5" ] || step resnet-geometry "$model" --force "$@" -q -o "$name.h5" >"$name.txt"
}
plot() { # plot NAME TITLE OPTION...
  name=$1 title=$2
  shift 2
  step resnet-plot "$@" --title "$title" --force -o "$name"
}
for order in 0 1 2; do
  model=$(cat best-c$order.txt).h5
  study geo-c$order "$model" --split train
  plot layers-c$order.svg "C^$order: coordinates by layer" geo-c$order.h5
  plot ellipses-c$order.svg "C^$order: metric by layer" geo-c$order.h5 --show ellipses
  plot trajectories-c$order.svg "C^$order: coordinates along depth" geo-c$order.h5 --show trajectories
  plot layers-c$order.gif "C^$order" geo-c$order.h5
done
for order in 1 2; do
  study limit-c$order "$(cat best-c$order.txt).h5" --converge "${HALVINGS:-8}" --path 0,1 --grid 0 --limit-test 300
  plot limit-c$order.svg "C^$order: layers cut in two" limit-c$order.h5 --show converge
  plot path-c$order.svg "C^$order: from one point to another" limit-c$order.h5 --show path
done

# Depths of the paper, dl = 2.5 / L: trained anew, which is another question than the limit.
for layers in 20 40; do
  train 1 1 "c1-layers$layers" --layers $layers --dl "$(awk "BEGIN { print 2.5 / $layers }")"
done
[ ! -f c1-layers20.h5 ] || [ ! -f c1-layers40.h5 ] ||
  study retrained c1-seed1.h5 --retrained c1-layers20.h5,c1-layers40.h5 --grid 0

study batches "$(cat best-c1.txt).h5" --split train --batch-sizes 300,1000 --grid 0

# A residual network.
if [ -n "$data" ]; then
  network=$share/models/preresnet110-cifar10.h5 what="54 blocks, CIFAR-10" set="--data $data --limit-test ${IMAGES:-100}"
else
  [ -f small.h5 ] || step resnet-train --arch preresnet20-cifar --limit-train 2000 --limit-test 500 --epochs 3 --lr 0.1 \
    --batch 64 -q -o small.h5
  network=small.h5 what="9 blocks, built-in shapes" set="--limit-test 100"
fi
# shellcheck disable=SC2086 # options are words
study metric "$network" $set --eigenvectors 8
plot spectrum.svg "Fisher metric along depth: $what" metric.h5 --show spectrum
plot rank.svg "Effective rank along depth: $what" metric.h5 --show rank
plot eigenvectors.png "What the network notices most: $what" metric.h5 --show eigenvectors

text() {
  printf '<pre>'
  sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' "$1"
  printf '</pre>\n'
}
{
  cat <<HTML
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Riemannian geometry of residual networks</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 52em; margin: 3em auto; padding: 0 1em; color: #222; }
  img { max-width: 100%; } pre { font-size: 13px; overflow-x: auto; }
</style>
<h1>Riemannian geometry of residual networks</h1>
<p>The experiments of Hauser and Ray 2017 (NIPS), by resnet-tools. Networks have two coordinates and ten layers of tanh (C^0: six), the
data are the two arms of a spiral, 1000 points.</p>
<h2>Taking a spiral apart</h2>
<p>Paper: all three kinds end at 0 % error. Here, of $seeds starts: C^0 in $(cat separated-c0.txt), C^1 in
$(cat separated-c1.txt), C^2 in $(cat separated-c2.txt).</p>
HTML
  for order in 0 1 2; do
    printf '<h3>C^%s</h3>\n<img src="layers-c%s.svg" alt="Points and grid, a panel for each layer">\n' $order $order
    printf '<img src="ellipses-c%s.svg" alt="Ellipses of the metric, a panel for each layer">\n' $order
    printf '<img src="trajectories-c%s.svg" alt="Coordinates along depth">\n' $order
    printf '<p><a href="layers-c%s.gif">The layers as an animation</a></p>\n' $order
  done
  printf '<h2>The limit of many layers</h2>\n<p>Weights held constant in depth, layers cut in two.</p>\n'
  for order in 1 2; do
    text limit-c$order.txt
    printf '<img src="limit-c%s.svg" alt="Change by halving the step, against layers">\n' $order
    printf '<img src="path-c%s.svg" alt="A straight line and the shortest path">\n' $order
  done
  [ ! -f retrained.txt ] || { printf '<p>Networks trained with twice the layers:</p>\n'; text retrained.txt; }
  printf '<h2>Batches of 300 and 1000</h2>\n'
  text batches.txt
  printf '<h2>Beyond the plane: %s</h2>\n' "$what"
  text metric.txt
  printf '<img src="spectrum.svg" alt="Eigenvalues of the metric along depth">\n'
  printf '<img src="rank.svg" alt="Effective rank along depth">\n'
  printf '<img src="eigenvectors.png" alt="Leading eigenvectors as images">\n</html>\n'
} >index.html
printf 'Done: %s/index.html\n' "$out"
