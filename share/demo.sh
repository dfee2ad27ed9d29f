#!/bin/sh
# demo.sh BUILD: the main job, end to end, on the built-in data. Leaves BUILD/demo/index.html.
set -eu
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
PATH=$build/bin:$PATH
out=$build/demo
mkdir -p "$out"
cd "$out"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
step() {
  say "$ $*"
  "$@"
}

step resnet-train --config "$here/recipes/demo.toml" --force -o model.h5
step resnet-info model.h5
step resnet-eval model.h5 --data synth:shapes --force -o predictions.h5
resnet-eval model.h5 --data synth:shapes --json >evaluation.json
step resnet-plot model.h5 --force -o curve.svg
step resnet-plot model.h5 --force -o curve.png

cat >index.html <<HTML
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>resnet-tools: demo</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 46em; margin: 3em auto; padding: 0 1em; color: #222; }
  img { width: 100%; } pre { background: #f4f4f4; padding: 1em; overflow-x: auto; }
</style>
<h1>A residual network, trained here</h1>
<p>Built-in data (<code>synth:shapes</code>), <code>resnet20-cifar</code>, recipe
<code>share/recipes/demo.toml</code>.</p>
<img src="curve.svg" alt="Training and test error over the epochs">
<h2>Evaluation</h2>
<pre>$(resnet-eval model.h5 --data synth:shapes -q | sed 's/&/\&amp;/g; s/</\&lt;/g')</pre>
<h2>The commands</h2>
<pre>
resnet-train --config share/recipes/demo.toml -o model.h5
resnet-eval model.h5 --data synth:shapes
resnet-plot model.h5 -o curve.svg
</pre>
</html>
HTML
say "Done. Model, evaluation and figures: $out (open $out/index.html)"
