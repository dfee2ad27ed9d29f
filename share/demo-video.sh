#!/bin/sh
# demo-video.sh BUILD: actions in films, end to end, on built-in data: films, flow, two streams, their
# connection, evaluation, pictures. Leaves BUILD/demo-video/index.html. The same command goes on where
# it was stopped.
set -eu
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
PATH=$build/bin:$PATH
if [ ! -x "$build/bin/video-twostream" ]; then
  echo "demo-video.sh: built without FFmpeg's libraries: make deps, then make build VIDEO=on" >&2
  exit 1
fi
out=$build/demo-video
mkdir -p "$out"
cd "$out"

say() { printf '\n%s\n' "$*"; }
step() {
  say "$ $*"
  "$@"
}

step resnet-data "synth:actions?clips=${CLIPS:-40}" -o films
step video-flow films -o flow
for name in appearance motion st star; do
  case $name in
    appearance) options= ;;
    motion) options="--flow flow" ;;
    st) options="--flow flow --init-from appearance.h5,motion.h5" ;;
    star) options="--flow flow --init-from st.h5" ;;
  esac
  # shellcheck disable=SC2086 # options are words
  step video-twostream train --config "$here/recipes/short-video-$name.toml" --data clips:films \
    $options -o "$name.h5" --resume
  [ -e "$name-eval.h5" ] || step video-twostream eval "$name.h5" --flow flow -o "$name-eval.h5"
done
[ -e two-eval.h5 ] || step video-twostream eval appearance.h5 --with motion.h5 --flow flow -o two-eval.h5
step resnet-plot appearance-eval.h5 motion-eval.h5 two-eval.h5 st-eval.h5 star-eval.h5 --size 640x320 \
  --label appearance --label motion --label two-stream --label ST-ResNet --label 'ST-ResNet*' --force -o accuracy.svg
step resnet-plot st-eval.h5 --show confusion --force -o confusion.svg
step video-twostream predict st.h5 films/test/grow/00000.mp4 --render grow.svg --force -q

cat >index.html <<HTML
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>resnet-tools: actions in films</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 46em; margin: 3em auto; padding: 0 1em; color: #222; }
  img { width: 100%; }
  pre { background: #f4f4f4; padding: 1em; overflow-x: auto; }
</style>
<h1>Actions in films, told by two streams</h1>
<p>Built-in films (<code>synth:actions</code>): eight motions of which no single picture shows anything. A
stream that sees frames only must guess, one that sees optical flow need not.</p>
<img src="accuracy.svg" alt="Accuracy of appearance, motion and both">
<img src="confusion.svg" alt="Confusion matrix of ST-ResNet">
<h2>A film that grows, and its flow</h2>
<img src="grow.svg" alt="Pictures of a film, its optical flow in colours, and what it was taken for">
</html>
HTML
say "Done. Models, evaluations and figures: $out (open $out/index.html)"
