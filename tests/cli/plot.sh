#!/bin/sh
# resnet-plot from the outside: files, pipes, refusals.
. "${SOURCE:?}/tests/support/cli.sh"
needs_gnuplot

resnet-train --arch resnet20-cifar --epochs 2 --limit-train 64 --limit-test 64 --batch 32 -q -o model.h5

resnet-plot model.h5 -o curve.svg
grep -q '<svg' curve.svg || fail "curve.svg is no SVG"
resnet-plot - -o curve.png <model.h5
head -c 4 curve.png | grep -q PNG || fail "curve.png is no PNG"
resnet-plot model.h5 --format pdf -o - >curve.pdf
head -c 4 curve.pdf | grep -q '%PDF' || fail "curve.pdf is no PDF"
resnet-plot model.h5 model.h5 --label a,b --label 'it'\''s _{x}' --title '`ls` $x' --show error,loss,lr \
  --log -o 'odd name;$(ls).svg'
grep -q "it's _{x}" 'odd name;$(ls).svg' || fail "the label is not in the picture"

[ "$(resnet-plot --table model.h5 | wc -l)" = 3 ] || fail "--table: not one line an epoch"
resnet-plot --table model.h5 | head -n 1 | grep -q 'train_error' || fail "--table: no header"
resnet-plot --emit-gnuplot model.h5 | gnuplot -d - >again.svg
cmp again.svg curve.svg || fail "--emit-gnuplot draws another picture"

cp curve.svg before.svg
refused 2 "--force" resnet-plot model.h5 -o curve.svg
cmp curve.svg before.svg || fail "a refused picture was touched"
resnet-plot model.h5 --force -o curve.svg
refused 2 '.svg, .png, .pdf or .gif' resnet-plot model.h5 -o curve.jpg
refused 2 'nowhere to draw' resnet-plot model.h5
refused 2 'needs --format' resnet-plot model.h5 -o -
refused 2 'give one for each' resnet-plot model.h5 --label a --label b -o x.svg
refused 3 'missing.h5' resnet-plot missing.h5 -o x.svg
echo text >text.h5
refused 3 'text.h5' resnet-plot text.h5 -o x.svg
: >empty.h5
refused 3 'empty.h5' resnet-plot empty.h5 -o x.svg
head -c 3000 model.h5 >short.h5
refused 3 'short.h5' resnet-plot short.h5 -o x.svg
refused 3 'stdin' resnet-plot - -o x.svg </dev/null
refused 1 'gnuplot failed' sh -c 'echo "set nosuchthing" >s.gp; resnet-plot model.h5 --style s.gp -o x.svg'
[ ! -e x.svg ] || fail "a failed picture was left"
refused 1 'apt-get install gnuplot-nox' env PATH= "$BUILD/bin/resnet-plot" model.h5 -o x.svg
resnet-plot model.h5 --emit-gnuplot -o - | grep -q '^set terminal svg' || fail "--emit-gnuplot -o -"
RESNET_FORMAT=png resnet-plot model.h5 --emit-gnuplot -o x.svg | grep -q '^set terminal svg' || fail "the suffix is weaker than the environment"
refused 2 'not one for --format png' resnet-plot model.h5 -o x.svg --format png
refused 1 'No space left' sh -c "resnet-plot model.h5 --format svg -o - >/dev/full"
