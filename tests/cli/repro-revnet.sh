#!/bin/sh
# make repro-revnet at its smallest scale: tables and figures on the page, nothing done twice, other scales refused.
. "${SOURCE:?}/tests/support/cli.sh"
needs_gnuplot
ln -s "$BUILD/bin" bin # results go beside it, not into the build
run() { sh "$SOURCE/share/repro/revnet.sh" "$scratch" "$@"; }

run smoke >log 2>&1 || fail "$(tail -5 log)"
out=repro/revnet/smoke
for figure in memory-revnet memory-resnet cost angle curves; do
  grep -q '</svg>' "$out/$figure.svg" || fail "$figure.svg is no picture"
  grep -q "src=\"$figure.svg\"" "$out/index.html" || fail "$figure.svg is not on the page"
done
grep -q 'RevNet, reversible</td><td>0</td><td>0.00' "$out/index.html" || fail "Table 1: $(grep RevNet $out/index.html)"
grep -q 'revnet38-cifar</td><td>[0-9.]* &plusmn; [0-9.]*</td><td>7.24' "$out/index.html" || fail "Table 3"
before=$(cd $out && cat ./*.h5 | cksum)
run smoke >log 2>&1 || fail "again: $(tail -5 log)"
[ "$(cd $out && cat ./*.h5 | cksum)" = "$before" ] || fail "a second call did things again"

code=0
run huge >log 2>&1 || code=$?
{ [ $code = 2 ] && grep -q 'smoke, cpu or paper' log; } || fail "scale huge: exit $code: $(cat log)"
