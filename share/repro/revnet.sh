#!/bin/sh
# revnet.sh BUILD SCALE [DATA]: "The Reversible Residual Network" (Gomez, Ren, Urtasun, Grosse 2017): costs in memory
# (Table 1), architectures (Table 2), classification error of ResNets and RevNets (Table 3), the angle between stored
# and reconstructed gradients (Fig 4), trained, measured and drawn. SCALE is
#   smoke  a minute, on built-in data and small networks: everything runs, nothing is learnt from the numbers
#   cpu    hours on 2 cores: revnet38 and gomez-resnet32 on CIFAR-10, 3 seeds, recipe short-revnet; and revnet38 on
#          the fixed-point stream
#   paper  the paper's 80,000 steps of all six networks: weeks on a CPU
# Leaves BUILD/repro/revnet. What is finished is not done again: the same command goes on where it was stopped.
set -eu
build=$(cd "$1" && pwd)
scale=$2
data=${3:-synth:shapes}
share=$(cd "$(dirname "$0")/.." && pwd)
PATH=$build/bin:$PATH
out=$build/repro/revnet/$scale
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
profile() { # profile NAME OPTION...
  name=$1
  shift
  [ -e "$name.h5" ] || step revnet-memprof "$@" -o "$name.h5" -q >"$name.txt"
}

case $scale in
  smoke)
    recipe="--config $share/recipes/short-revnet.toml --limit-train 640 --limit-test 200 --epochs 2 --warmup 2i --lr 0.05"
    sizes="--units 2,2,2 --widths 8,8,16,24"
    nets="revnet38-cifar gomez-resnet32-cifar" seeds="1 2" fixed=yes
    depths=1,2,4 batch=4 steps=2 widths="--widths 8,8,16,24 --image-size 16"
    angle="--archs revnet38-cifar --depths 2 --widths 8,8,16,24 --batch 20 --train-steps 20"
    ;;
  cpu)
    recipe="--config $share/recipes/short-revnet.toml"
    sizes=
    nets="revnet38-cifar gomez-resnet32-cifar" seeds="1 2 3" fixed=yes
    depths=3,9,27 batch=100 steps=5 widths=
    angle="--archs revnet164-cifar --batch 50 --train-steps 400"
    ;;
  paper)
    recipe="--config $share/recipes/revnet-cifar.toml"
    sizes=
    nets="revnet38-cifar gomez-resnet32-cifar revnet110-cifar gomez-resnet110-cifar revnet164-cifar gomez-resnet164-cifar"
    seeds="1 2 3" fixed=
    depths=3,9,27 batch=100 steps=20 widths=
    angle="--archs revnet164-cifar --batch 100 --train-steps 80000"
    ;;
  *)
    echo "revnet.sh: SCALE is smoke, cpu or paper, not '$scale'" >&2
    exit 2
    ;;
esac

# shellcheck disable=SC2086 # options are words
{
  profile revnet --archs revnet38-cifar --depths "$depths" --batch "$batch" --steps "$steps" $widths
  profile resnet --archs gomez-resnet32-cifar --depths "$depths" --batch "$batch" --steps "$steps" $widths
  profile angle $angle --data "$data" --modes reversible --steps 0
  for net in $nets; do
    keep=stored
    case $net in revnet*) keep=reversible ;; esac
    for seed in $seeds; do
      train "$net-$seed" $recipe --arch "$net" $sizes --activations "$keep" --seed "$seed"
      [ -n "$fixed" ] && [ "$net" = revnet38-cifar ] || continue
      train "$net-fixed-$seed" $recipe --arch "$net" $sizes --activations "$keep" --stream fixed --seed "$seed"
    done
  done
}

plot() { # plot NAME TITLE OPTION... RESULT
  name=$1 title=$2
  shift 2
  step resnet-plot "$@" --title "$title" --force -o "$name.svg"
}
plot memory-revnet "Activations of RevNets" --show depth revnet.h5
plot memory-resnet "Activations of ResNets" --show depth resnet.h5
plot cost "What it costs" --show cost revnet.h5
plot angle "Stored and reconstructed gradients" --show angle angle.h5
# shellcheck disable=SC2046 # names without blanks
plot curves "Test error" $(for net in $nets; do echo "$net-1.h5"; done)

error_of() { # the test error of a model, in percent
  resnet-info "$1" --json | sed 's/.*"test_error":\([0-9.]*\).*/\1/'
}
mean_of() { # mean and standard error over the seeds of a network: NAME
  for seed in $seeds; do error_of "$1-$seed.h5"; done | awk '{ s += $1; q += $1 * $1; ++n }
    END { m = s / n; v = n > 1 ? (q - n * m * m) / (n - 1) : 0; if (v < 0) v = 0
          printf "%.2f &plusmn; %.2f", m, sqrt(v / n) }'
}
parameters_of() { resnet-info "$1-1.h5" --json | sed 's/.*"parameters":\([0-9]*\).*/\1/'; }
known() { # known NET COLUMN, of share/paper/revnet.csv
  awk -F, -v net="$1" -v want="$2" '/^#/ { next } !head { for (i = 1; i <= NF; ++i) at[$i] = i; head = 1; next }
    $at["network"] == net { print $at[want] }' "$share/paper/revnet.csv"
}
costs() { # rows of Table 1: RESULT NAME
  resnet-plot "$1.h5" --show fits --table | awk -F'\t' -v name="$2" 'NR > 1 {
    printf "<tr><td>%s, %s</td><td>%.0f</td><td>%.2f</td></tr>\n", name, $2, $6, $7 }'
}
{
  cat <<HTML
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>The reversible residual network</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 46em; margin: 3em auto; padding: 0 1em; color: #222; }
  img { width: 100%; }
  table { border-collapse: collapse; }
  td, th { padding: 0.1em 1em 0.1em 0; text-align: left; }
</style>
<h1>The reversible residual network</h1>
<p>Gomez, Ren, Urtasun and Grosse 2017 (arXiv 1707.04585), scale <b>$scale</b>, data <code>$data</code>, by
resnet-tools.</p>
<h2>Table 1: memory of activations against depth</h2>
<p>Paper: kept as they are they grow as L, checkpointed as the root of L, reversible not at all. Here: bytes for each
unit more in every stage, and the power of depth that they grow with.</p>
<table><tr><th>kept</th><th>bytes a unit</th><th>power</th></tr>
$(costs resnet ResNet)
$(costs revnet RevNet)
</table>
<img src="memory-resnet.svg" alt="Activations against depth, ResNet">
<img src="memory-revnet.svg" alt="Activations against depth, RevNet">
<img src="cost.svg" alt="Time of a step against memory">
<h2>Table 2: architectures</h2>
<p>Numbers of parameters. The paper's are of ten classes, as counted from its published configurations.</p>
<table><tr><th>network</th><th>here</th><th>paper</th></tr>
$(for net in $nets; do
    echo "<tr><td>$net</td><td>$(parameters_of "$net")</td><td>$(known "$net" parameters)</td></tr>"
  done)
</table>
<h2>Table 3: CIFAR-10 test error (%)</h2>
<p>Means over seeds $seeds with standard errors. Values of the paper are quoted from memory, unverified; those of an
independent run of the authors' code are published by MemCNN.</p>
<table><tr><th>network</th><th>here</th><th>paper (from memory)</th><th>MemCNN's run of the authors' code</th></tr>
$(for net in $nets; do
    echo "<tr><td>$net</td><td>$(mean_of "$net")</td><td>$(known "$net" paper_error)</td><td>$(known "$net" rerun_error)</td></tr>"
    [ -n "$fixed" ] && [ "$net" = revnet38-cifar ] &&
      echo "<tr><td>$net, fixed-point stream</td><td>$(mean_of "$net-fixed")</td><td></td><td></td></tr>"
  done)
</table>
<img src="curves.svg" alt="Test error along training">
<h2>Fig 4: stored and reconstructed gradients</h2>
<p>Paper: the angle between them grows along training, and stays small.</p>
<img src="angle.svg" alt="Angle between gradients along training">
</html>
HTML
} >index.html
printf 'Done: %s/index.html\n' "$out"
