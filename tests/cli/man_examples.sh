#!/bin/sh
# Runs the EXAMPLES of the man pages: lines that begin with "$ ", page by page, each page in an empty
# folder of its own. Lines that need something a test does not have say so: "# needs CIFAR-10".
. "${SOURCE:?}/tests/support/cli.sh"
bad=0
for page in "$SOURCE"/docs/man/*.1; do
  name=$(basename "$page" .1)
  awk '/^\.SH/ { on = /EXAMPLES/; next } on' "$page" |
    sed -e 's/\\-/-/g' -e "s/\\\\(aq/'/g" -e 's/\\(dq/"/g' -e 's/\\&//g' -e 's/\\e/\\/g' |
    awk '/^\$ / { sub(/^\$ /, ""); on = 1 } !on { next } { print } !/\\$/ { on = 0 }' >"$scratch/examples"
  if [ ! -s "$scratch/examples" ]; then
    echo "$name: no examples"
    bad=1
    continue
  fi
  grep '# needs' "$scratch/examples" | sed 's/^/not run: /' || true
  grep -v '# needs' "$scratch/examples" >"$scratch/run" || continue
  if ! command -v gnuplot >/dev/null && grep -q resnet-plot "$scratch/run"; then
    echo "not run: $name (no gnuplot)"
    continue
  fi
  mkdir "$scratch/$name"
  if ! (cd "$scratch/$name" && sh -eux "$scratch/run") >"$scratch/log" 2>&1; then
    echo "$name: an example fails:"
    tail -n 20 "$scratch/log"
    bad=1
  fi
done
exit $bad
