#!/bin/sh
# stresnet.sh BUILD SCALE [VIDEOS]: "Spatiotemporal Residual Networks for Video Action Recognition" (Feichtenhofer,
# Pinz, Wildes 2016): the five rows of Table 3, on the splits of UCF101 or HMDB51. VIDEOS is the folder of clips, with the
# split lists in it or in a folder in it; without, built-in films stand in (FILMS=synth:actions?...). SCALE is
#   smoke  a few minutes, on a few built-in films: everything runs, nothing is learnt from the numbers
#   cpu    a quarter of an hour on 2 cores: 800 built-in films, 400 to test on (or VIDEOS at 64 pixels), small networks
#   paper  ResNet-50 from ImageNet (INIT=resnet50.h5, through resnet-convert), 3 splits: weeks without a GPU
# Of the environment: SPLITS="1 2 3", and TRAIN="--flip", options of all trainings.
# Leaves BUILD/repro/stresnet. What is finished is not done again: the same command goes on where it was stopped.
set -eu
build=$(cd "$1" && pwd)
scale=$2
videos=${3:-}
[ -z "$videos" ] || videos=$(cd "$videos" && pwd)
init=${INIT:-}
[ -z "$init" ] || init=$(readlink -f "$init")
options=${TRAIN:-}
share=$(cd "$(dirname "$0")/.." && pwd)
PATH=$build/bin:$PATH
if [ ! -x "$build/bin/video-twostream" ]; then
  echo "stresnet.sh: built without FFmpeg's libraries: make deps, then make build VIDEO=on" >&2
  exit 1
fi
# Each set of clips has a folder of its own.
out=$build/repro/stresnet/$scale
if [ -n "$videos" ]; then
  out=$out-$(basename "$videos")
elif [ -n "${FILMS:-}" ]; then
  out=$out-$(printf '%s' "${FILMS#*:}" | tr -c 'a-zA-Z0-9\n' -)
fi
mkdir -p "$out"
cd "$out"

step() {
  printf '$ %s\n' "$*"
  "$@"
}
case $scale in
  smoke) recipe=short-video films="synth:actions?clips=4&side=32&frames=16" side=32 splits=${SPLITS:-1}
    brief="--short-side 32 --side 28 --epochs 1 --batch 8 --width 8 --test-frames 6 --warmup 0e" ;;
  cpu) recipe=short-video films="synth:actions?clips=100" side=64 splits=${SPLITS:-1} brief= ;;
  paper) recipe=video films="" side=256 splits="${SPLITS:-1 2 3}" brief=""
    if [ -z "$videos" ] || [ -z "$init" ]; then
      echo "stresnet.sh: SCALE=paper needs VIDEOS=DIR, and INIT=resnet50.h5, trained on ImageNet" >&2
      exit 2
    fi ;;
  *)
    echo "stresnet.sh: SCALE is smoke, cpu or paper, not '$scale'" >&2
    exit 2
    ;;
esac
built_in=no
if [ -z "$videos" ]; then
  built_in=yes
  step resnet-data "${FILMS:-$films}" -o films
  videos=$out/films
fi
# Clips that cannot be used are told of (exit status 3), and the others go on.
skips() {
  code=0
  step "$@" || code=$?
  [ $code = 0 ] || [ $code = 3 ] || exit $code
}
skips video-flow "$videos" -o flow --short-side $side -q

# At SCALE=cpu the clips of VIDEOS are longer than the built-in ones, and sets of many sizes: 5 frames of a clip each
# time, 25 to test; a set of fewer than 150 clips is gone through until as many clips were seen as are in that many
# epochs of 150.
small() { # small EPOCHS [STRIDE [OPTION...]]: sets $more, options of a training
  more=
  [ "$scale" = cpu ] && [ "$built_in" = no ] || return 0
  batch=$(((count + 1) / 2)) epochs=$1
  [ "$batch" -lt 32 ] || batch=32
  [ "$count" -ge 150 ] || epochs=$((epochs * 150 / count))
  more="--frames 5 --stride ${2:-5-15} --test-frames 25 --batch $batch --epochs ${epochs}e --eval-every 1000e ${3:-}"
}
large() { [ "$scale" = cpu ] && [ "$built_in" = yes ] && [ "$count" -gt 1600 ]; }
clips_of() { # clips_of SPLIT: how many there are to train on
  for list in "$videos"/trainlist*"$1".txt "$videos"/*/trainlist*"$1".txt; do
    [ -e "$list" ] && grep -c . "$list" && return
  done
  find "$videos" -path '*/test/*' -prune -o -type f -print | grep -c .
}

# shellcheck disable=SC2086 # options are words
for split in $splits; do
  data=clips:$videos
  [ -d "$videos/train" ] || data="$data?split=$split"
  count=$(clips_of "$split")
  row() { # row NAME RECIPE OPTION...
    name=$1 config=$2
    shift 2
    [ -e "$name-$split.h5" ] ||
      skips video-twostream train --config "$share/recipes/$recipe-$config.toml" --data "$data" --flow flow "$@" $brief \
        $options -o "$name-$split.h5" --log "$name-$split.jsonl" --resume -q
    [ -e "$name-$split-eval.h5" ] ||
      skips video-twostream eval "$name-$split.h5" --data "$data" --flow flow -o "$name-$split-eval.h5" -q >"$name-$split.txt"
  }
  case $recipe in
    short-video) st=st star=star ;;
    *) st=st star=st-star ;;
  esac
  small 12
  row appearance appearance ${init:+--init-from "$init"} $more
  row motion motion ${init:+--init-from "$init"} $more
  # The scores of the two, averaged.
  [ -e "two-stream-$split-eval.h5" ] ||
    skips video-twostream eval "appearance-$split.h5" --with "motion-$split.h5" --data "$data" --flow flow \
      -o "two-stream-$split-eval.h5" -q >"two-stream-$split.txt"
  small 4 5-15 "--lr 0.02"
  ! large || more="--epochs 6e" # of many classes
  row st-resnet $st --init-from "appearance-$split.h5,motion-$split.h5" $more
  small 2 1-15
  ! large || more="--epochs 1e"
  row st-resnet-star $star --init-from "st-resnet-$split.h5" $more ${brief:+--frames 5 --stride 1-3}
done

# Table 3, with the mean over splits. Published: the mean of 3 splits.
# shellcheck disable=SC2086
{
  printf 'network'
  for split in $splits; do printf '\tsplit %s' "$split"; done
  printf '\tmean\tUCF101 published\tHMDB51 published\n'
  while read -r name ucf hmdb; do
    printf '%s' "$name"
    sum=0 count=0
    for split in $splits; do
      accuracy=$(resnet-plot "$name-$split-eval.h5" --table | awk -F '\t' 'END { print $3 }')
      printf '\t%s' "$accuracy"
      sum=$(awk -v a="$sum" -v b="$accuracy" 'BEGIN { print a + b }') count=$((count + 1))
    done
    printf '\t%s\t%s\t%s\n' "$(awk -v a="$sum" -v n="$count" 'BEGIN { printf "%.2f", a / n }')" "$ucf" "$hmdb"
  done <<ROWS
appearance 82.29 43.42
motion 79.05 55.47
two-stream 89.47 60.59
st-resnet 92.76 65.57
st-resnet-star 93.46 66.41
ROWS
} >table3.tsv
first=${splits%% *}
step resnet-plot "appearance-$first-eval.h5" "motion-$first-eval.h5" "two-stream-$first-eval.h5" \
  "st-resnet-$first-eval.h5" "st-resnet-star-$first-eval.h5" --label appearance --label motion --label two-stream \
  --label ST-ResNet --label 'ST-ResNet*' --size 640x320 --force -o table3.svg
step resnet-plot "st-resnet-$first-eval.h5" --show confusion --force -o confusion.svg
cat table3.tsv
