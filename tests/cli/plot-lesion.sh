#!/bin/sh
# resnet-plot of lesion studies: every kind, overlays, pipes, refusals.
. "${SOURCE:?}/tests/support/cli.sh"
needs_gnuplot

resnet-train --arch resnet14-cifar --width 4 --epochs 1 --limit-train 128 --limit-test 32 --batch 32 \
  -q -o model.h5 >/dev/null
lesion() { # lesion NAME OPTION...
  name=$1
  shift
  resnet-lesion model.h5 -q --limit-test 30 "$@" -o "$name.h5" >/dev/null
}
lesion each --delete-each
lesion set --delete stage1.block1
lesion keep --keep-only stage1.block1
lesion random --delete-random 1,2,4 --trials 6
lesion shuffle --shuffle 1,2 --trials 4
lesion shortcut --delete-shortcut
lesion noise --noise 1
lesion shapley --shapley --trials 3
lesion pairs --pairs
for name in each set keep random shuffle shortcut noise shapley pairs; do
  resnet-plot $name.h5 -o $name.svg 2>err || fail "$name: $(cat err)"
  [ ! -s err ] || fail "$name: $(cat err)"
  grep -q '<svg' $name.svg || fail "$name.svg is no SVG"
  resnet-plot $name.h5 --emit-gnuplot | gnuplot -d - | cmp - $name.svg || fail "$name: --emit-gnuplot"
done
grep -q 'Error (%)' each.svg || fail "each: no unit"
grep -q 'stage2' each.svg || fail "each: no stages"
grep -q 'down-sampling' each.svg || fail "each: down-sampling blocks are not marked"
grep -q 'intact [0-9.]* %' each.svg || fail "each: no intact network"
grep -q 'Blocks deleted' random.svg || fail "random: no axis"
grep -q 'Kendall' shuffle.svg || fail "shuffle: no axis"
grep -q 'percentage points' pairs.svg || fail "pairs: no unit"

resnet-plot each.h5 --format png -o - | head -c 4 | grep -q PNG || fail "no PNG"
resnet-plot pairs.h5 --format pdf -o - | head -c 4 | grep -q '%PDF' || fail "no PDF"
resnet-lesion model.h5 -q --limit-test 30 -o - | resnet-plot - -o piped.svg
cmp piped.svg each.svg || fail "the pipe draws another picture"

# Several studies of one kind.
resnet-plot each.h5 each.h5 --label a --label "it's _{x}" --title '`ls` $x' -o two.svg
grep -q "it's _{x}" two.svg || fail "the label is not in the picture"
grep -q '`ls` $x' two.svg || fail "the title is not in the picture"
resnet-plot each.h5 each.h5 --label a --label b --table >table
[ "$(wc -l <table)" = 15 ] || fail "--table of two: $(cat table)"
head -n 2 table | tail -n 1 | grep -q '^a	intact	' || fail "--table of two: $(cat table)"
resnet-plot random.h5 random.h5 -o boxes.svg --show loss --log
resnet-plot set.h5 keep.h5 -o sets.svg
for k in 1 2; do lesion part$k --delete-random 1,2,4 --trials 6 --shard $k/2; done
resnet-plot part2.h5 part1.h5 -o shards.svg
cmp shards.svg random.svg || fail "shards draw another picture"
resnet-plot part2.h5 random.h5 part1.h5 --label s --label w --table | cut -f 1 | sort | uniq -c >count
[ "$(awk '$2 == "s" || $2 == "w" { print $1 }' count | uniq)" = 19 ] || fail "shards and a whole: $(cat count)"
for show in error loss flips confidence; do
  resnet-plot each.h5 --show $show --force -o show.svg || fail "--show $show"
done
resnet-plot pairs.h5 --range=-5:5 --size 300x300 --style "$(dirname "$BUILD/bin")/share/resnet-tools/figures/lesion.gp" -o styled.svg

refused 2 'is of --delete-each and .* of --pairs' resnet-plot each.h5 pairs.h5 -o x.svg
refused 2 'one kind in a picture' resnet-plot model.h5 each.h5 -o x.svg
refused 2 'one kind in a picture' resnet-plot each.h5 model.h5 -o x.svg
refused 2 'one at a time' resnet-plot pairs.h5 pairs.h5 -o x.svg
refused 2 'one panel' resnet-plot each.h5 --show lr -o x.svg
refused 2 'one panel' resnet-plot each.h5 --show error,loss -o x.svg
refused 2 'of the error only' resnet-plot pairs.h5 --show loss -o x.svg
refused 2 'models have' resnet-plot model.h5 --show flips -o x.svg
refused 2 '2 --label for 1 studies' resnet-plot part1.h5 part2.h5 --label a --label b -o x.svg
resnet-eval model.h5 --limit-test 30 -q -o eval.h5 >/dev/null
refused 2 'one kind in a picture' resnet-plot each.h5 eval.h5 -o x.svg
resnet-data synth:shapes --limit-train 10 --limit-test 10 -o data.h5 >/dev/null
refused 3 'is a data set' resnet-plot data.h5 -o x.svg
head -c 4000 each.h5 >short.h5
refused 3 'short.h5' resnet-plot short.h5 -o x.svg
[ ! -e x.svg ] || fail "a refused picture was left"
