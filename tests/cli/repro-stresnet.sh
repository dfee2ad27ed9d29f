#!/bin/sh
# repro-stresnet, on a few small films: all five rows of Table 3, and again without doing anything twice.
. "${SOURCE:?}/tests/support/cli.sh"
needs_video
needs_gnuplot
ln -s "$BUILD/bin" "$BUILD/lib" "$BUILD/share" "$scratch"
sh "$SOURCE/share/repro/stresnet.sh" "$scratch" smoke >"$scratch/out" 2>&1 || {
  cat "$scratch/out"
  exit 1
}
at=$scratch/repro/stresnet/smoke
[ "$(wc -l <"$at/table3.tsv")" = 6 ] && [ -s "$at/table3.svg" ] && [ -s "$at/confusion.svg" ] || {
  cat "$scratch/out" "$at/table3.tsv"
  exit 1
}
awk -F '\t' 'NR > 1 && !($3 >= 0 && $3 <= 100) { exit 1 }' "$at/table3.tsv" || {
  cat "$at/table3.tsv"
  exit 1
}
before=$(stat -c %Y "$at"/*-eval.h5)
sh "$SOURCE/share/repro/stresnet.sh" "$scratch" smoke >/dev/null 2>&1
[ "$before" = "$(stat -c %Y "$at"/*-eval.h5)" ] || {
  echo "what was done is done again"
  exit 1
}
code=0
sh "$SOURCE/share/repro/stresnet.sh" "$scratch" paper >/dev/null 2>&1 || code=$?
[ $code = 2 ] || {
  echo "paper without clips: exit $code"
  exit 1
}
