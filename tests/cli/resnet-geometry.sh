#!/bin/sh
# resnet-geometry from the outside: C^k networks and classifiers, pipes, shards, pictures, refusals.
. "${SOURCE:?}/tests/support/cli.sh"
ck="--precision fp64 --batch 0 --epochs 60 --eval-every 60e --lr 0.3 --weight-decay 0 -q"

# Points from the built-in sets and from a file; ck is what points are trained with.
for set in spirals circles moons; do
  resnet-data "synth:$set" | grep -q '1x1x2, 2 classes' || fail "resnet-data synth:$set"
done
resnet-train --data synth:moons --layers 4 $ck -o c1.h5 >/dev/null
resnet-info c1.h5 | grep -q 'ck' || fail "resnet-info: $(resnet-info c1.h5)"
resnet-train --data synth:moons --layers 4 --threads 3 $ck --no-provenance -o a.h5 >/dev/null
resnet-train --data synth:moons --layers 4 --threads 1 $ck --no-provenance -o b.h5 >/dev/null
cmp a.h5 b.h5 || fail "training points: threads change the model"
resnet-eval c1.h5 -q --json | grep -q '"error":[0-9.]*' || fail "resnet-eval of points"
for order in 0 2 3; do
  resnet-train --data synth:moons --order $order --layers 3 --dl 0.5 $ck -o c$order.h5 >/dev/null
done
awk 'BEGIN { print "x,y,split,label"; for (i = 0; i < 40; ++i)
  print i % 2 + i / 100 "," i / 7 "," (i < 30 ? "train" : "test") "," (i % 2 ? "odd" : "even") }' >points.csv
resnet-data csv:points.csv | grep -q '30 images\|train  30' || fail "csv: $(resnet-data csv:points.csv)"
resnet-train --data csv:points.csv --layers 2 --width 3 $ck -o csv.h5 >/dev/null
resnet-geometry csv.h5 --data csv:points.csv -q | grep -q 'width 3' || fail "a network wider than its points"
resnet-data csv:points.csv -q -o points.h5
resnet-geometry csv.h5 --data h5:points.h5 -q --json >a.json
resnet-geometry csv.h5 --data csv:points.csv -q --json >b.json
cmp a.json b.json || fail "points from HDF5 and from text differ"

# Every order: a table, JSON in one line, a file that is the same bytes for any number of threads.
for order in 0 1 2 3; do
  layers=$([ $order = 1 ] && echo 4 || echo 3)
  resnet-geometry c$order.h5 -q --table >table
  rows table $((layers + 1))
  head -n 1 table | grep -q 'layer	largest	smallest	condition	log_determinant	rank	negative' || fail "--table: $(cat table)"
  resnet-geometry c$order.h5 -q --json >json
  [ "$(wc -l <json)" = 1 ] || fail "--json is not one line"
  grep -q "\"order\":$order,.*\"composition_error\":[0-9.]*e-1[2-9]" json || fail "--json: $(cat json)"
  for threads in 1 3; do
    resnet-geometry c$order.h5 -q --threads $threads --no-provenance --path 0,1 --metric --actions --limit-test 100 \
      -o geo$order-$threads.h5 >/dev/null
  done
  cmp geo$order-1.h5 geo$order-3.h5 || fail "order $order: threads change the result"
done
resnet-geometry - -q --table <c1.h5 >piped
resnet-geometry c1.h5 -q --table | cmp - piped || fail "file and pipe differ"
resnet-geometry c1.h5 -q --no-provenance -o - >piped.h5
resnet-geometry c1.h5 -q --no-provenance -o whole.h5 >/dev/null
cmp piped.h5 whole.h5 || fail "-o - and -o FILE differ"
resnet-info whole.h5 | grep -q geometry || fail "resnet-info of a result"

# The limit: first order for C^1.
resnet-train --data synth:moons --layers 4 --dl 0.25 $ck --lr 0.1 -o gentle.h5 >/dev/null # $ck trains for dl 1: too wild
resnet-geometry gentle.h5 -q --converge 5 --limit-test 100 --json >json
for order in coordinates metric; do
  awk -F"\"${order}_order\":" '{ split($NF, a, /[,}]/); exit !(a[1] > 0.95 && a[1] < 1.05) }' json || fail "--converge: $(cat json)"
done
resnet-train --data synth:moons --layers 8 --dl 0.5 $ck -o double.h5 >/dev/null
resnet-geometry c1.h5 -q --retrained double.h5 | grep -q 'trained anew with twice the layers' || fail "--retrained"
resnet-geometry c1.h5 -q --batch-sizes 100,500 --steps 30 --limit-test 500 | grep -q '^  100 ' || fail "--batch-sizes"

# A classifier: boundaries, shards to the last bit, single blocks, eigenvectors.
resnet-train --arch preresnet8-cifar --width 4 --epochs 1 --limit-train 64 --limit-test 16 --batch 32 -q -o net.h5 >/dev/null
export RESNET_LIMIT_TEST=10
resnet-geometry net.h5 -q --table >spectrum.tsv
rows spectrum.tsv 5
resnet-geometry net.h5 -q --table --batch 3 --threads 3 | cmp - spectrum.tsv || fail "--batch or --threads change the numbers"
resnet-geometry net.h5 -q --precision fp64 --table >fp64.tsv
awk -F'\t' 'NR == FNR { a[NR] = $3; next } FNR > 1 { d = a[FNR] / $3 - 1; if (d * d > 1e-6) exit 1 }' spectrum.tsv fp64.tsv ||
  fail "fp32 and fp64: $(cat spectrum.tsv fp64.tsv)"
for k in 1 2 3; do resnet-geometry net.h5 -q --shard $k/3 -o part$k.h5 >/dev/null; done
resnet-geometry --merge part2.h5 part3.h5 part1.h5 -q --table | cmp - spectrum.tsv || fail "shards are not the whole"
resnet-geometry net.h5 -q --no-provenance -o one.h5 >/dev/null
resnet-geometry --merge part1.h5 part2.h5 part3.h5 -q --no-provenance -o three.h5 >/dev/null
h5dump -d /images/eigenvalues one.h5 2>/dev/null | tail -n +2 >one.txt
h5dump -d /images/eigenvalues three.h5 2>/dev/null | tail -n +2 >three.txt
cmp one.txt three.txt || fail "merged eigenvalues differ"
resnet-geometry net.h5 -q --blocks 2 --eigenvectors 3 -o blocks.h5 | grep -q 'singular values of single blocks' || fail "--blocks"
resnet-geometry net.h5 -q -n | grep -q 'would take the metric of 10 images' || fail "--dry-run"

if command -v gnuplot >/dev/null; then
  for what in layers ellipses trajectories spectrum; do
    resnet-plot whole.h5 --show $what -o $what.svg
    grep -q '</svg>' $what.svg || fail "--show $what is no picture"
  done
  resnet-plot whole.h5 -o layers.gif
  [ "$(head -c 6 layers.gif)" = GIF89a ] || fail "layers.gif is no GIF"
  resnet-plot geo1-1.h5 --show path -o path.svg
  resnet-geometry c1.h5 -q --converge 3 -o limit.h5 >/dev/null
  resnet-plot limit.h5 --show converge -o converge.svg
  for what in spectrum rank eigenvectors; do resnet-plot blocks.h5 --show $what -o real-$what.svg; done
  resnet-plot part1.h5 part2.h5 part3.h5 --table | cmp - spectrum.tsv || fail "resnet-plot does not join shards"
  refused 2 'no halvings' resnet-plot whole.h5 --show converge -o no.svg
  refused 2 'no coordinates' resnet-plot blocks.h5 --show layers -o no.svg
  refused 2 'animation' resnet-plot blocks.h5 -o no.gif
fi

# What makes no sense is one line, and says the way out.
unset RESNET_LIMIT_TEST
awk 'BEGIN { for (i = 0; i < 20; ++i) print i "," i * i % 7 "," i % 3 "," i % 2 }' >three.csv
resnet-train --data csv:three.csv --layers 2 $ck --eval-on none -o three-d.h5 >/dev/null
refused 2 'points in the plane' resnet-geometry three-d.h5 --data csv:three.csv --split train --grid 5
resnet-geometry three-d.h5 --data csv:three.csv --split train -q >/dev/null || fail "points in space"
refused 2 'no derivative' resnet-geometry c1.h5 --output-metric class
refused 2 'unknown: euclidean, logits or fisher' resnet-geometry c1.h5 --output-metric cosine
refused 2 'is for C^k networks' resnet-geometry net.h5 --actions
refused 2 'is for C^k networks' resnet-geometry net.h5 --converge 2
refused 2 'is for classifiers' resnet-geometry c1.h5 --blocks 2
refused 2 'have no step to halve' resnet-geometry c0.h5 --converge 2
refused 2 'there is no point 5000' resnet-geometry c1.h5 --path 0,5000
refused 2 'expected order 1, 8 layers' resnet-geometry c1.h5 --retrained c2.h5
refused 2 'limit-train goes with --split train' resnet-geometry c1.h5 --limit-train 8
refused 2 'limit-test goes without --split train' resnet-geometry c1.h5 --split train --limit-test 8
refused 2 'steps goes with --batch-sizes' resnet-geometry c1.h5 --steps 8
refused 2 'singular-values goes with --blocks' resnet-geometry net.h5 --singular-values 2
refused 2 'path-pieces goes with --path' resnet-geometry c1.h5 --path-pieces 8
refused 2 'memory-limit' resnet-geometry c1.h5 --memory-limit 1K
refused 2 'memory-limit' resnet-geometry net.h5 --memory-limit 1K
refused 3 'is none\|no C^k\|C^k network' resnet-paths c1.h5
refused 2 'takes points' resnet-train --arch ck -o no.h5
refused 2 'for images' resnet-train --data synth:moons --flip -o no.h5
refused 2 'go with --arch ck' resnet-train --arch resnet20-cifar --order 2 -o no.h5
refused 2 'exists' resnet-geometry c1.h5 -o whole.h5
refused 3 '3/3 missing' resnet-geometry --merge part1.h5 part2.h5
printf '1,2,a\n3,x,b\n' >bad.csv
refused 3 'bad.csv: line 2: column 2' resnet-data csv:bad.csv
printf '1,2,a\n3,b\n' >bad.csv
refused 3 'line 2: 2 columns instead of 3' resnet-data csv:bad.csv
printf '1,inf,a\n' >bad.csv
refused 3 'no finite number' resnet-data csv:bad.csv
: >bad.csv
refused 3 'empty\|no points' resnet-data csv:bad.csv
