#!/bin/sh
# make repro-geometry with two starts: every figure and the page, nothing done twice.
. "${SOURCE:?}/tests/support/cli.sh"
needs_gnuplot
ln -s "$BUILD/bin" bin # results go beside it, not into the build
run() { SEEDS=1 HALVINGS=3 RESNET_EPOCHS=60e RESNET_EVAL_EVERY=60e RESNET_WARMUP=5i RESNET_STEPS=60 sh "$SOURCE/share/repro/geometry.sh" "$scratch" "$@"; }

run >log 2>&1 || fail "$(tail -5 log)"
out=repro/geometry
for figure in layers-c0.svg layers-c1.svg layers-c2.svg ellipses-c1.svg trajectories-c2.svg limit-c1.svg path-c2.svg \
  spectrum.svg rank.svg eigenvectors.png; do
  [ -s "$out/$figure" ] || fail "$figure is no picture"
  grep -q "src=\"$figure\"" "$out/index.html" || fail "$figure is not on the page"
done
[ "$(head -c 6 $out/layers-c1.gif)" = GIF89a ] || fail "layers-c1.gif is no animation"
before=$(cd $out && cat ./*.h5 | cksum)
run >log 2>&1 || fail "again: $(tail -5 log)"
[ "$(cd $out && cat ./*.h5 | cksum)" = "$before" ] || fail "a second call did things again"
