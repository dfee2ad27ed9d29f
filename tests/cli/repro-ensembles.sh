#!/bin/sh
# make repro-ensembles at its smallest scale: every figure and the page, nothing done twice, other scales
# refused.
. "${SOURCE:?}/tests/support/cli.sh"
needs_gnuplot
ln -s "$BUILD/bin" bin # results go beside it, not into the build
run() { sh "$SOURCE/share/repro/ensembles.sh" "$scratch" "$@"; }

run smoke >log 2>&1 || fail "$(tail -5 log)"
out=repro/ensembles/smoke
for figure in fig3 fig3-vgg fig5a fig5b fig8; do
  grep -q '</svg>' "$out/$figure.svg" || fail "$figure.svg is no picture"
  grep -q "src=\"$figure.svg\"" "$out/index.html" || fail "$figure.svg is not on the page"
done
grep -q 'residual intact [0-9.]* %; deleted [0-9.]* to [0-9.]* %, median [0-9.]* %' "$out/index.html" ||
  fail "the page does not say what came out"
[ "$("$BUILD/bin/resnet-plot" $out/each.h5 --table | wc -l)" = 11 ] ||
  fail "not one row for the intact network and each of 9 blocks"
before=$(cd $out && cat ./*.h5 | cksum)
run smoke >log 2>&1 || fail "again: $(tail -5 log)"
[ "$(cd $out && cat ./*.h5 | cksum)" = "$before" ] || fail "a second call did things again"

code=0
run huge >log 2>&1 || code=$?
{ [ $code = 2 ] && grep -q 'smoke, cpu or paper' log; } || fail "scale huge: exit $code: $(cat log)"
