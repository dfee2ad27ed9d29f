#!/bin/sh
# A folder of images, from looking at it to training, evaluating and predicting; MNIST's files; pictures
# of what the trainer sees.
. "${SOURCE:?}/tests/support/cli.sh"
# Pictures to begin with: montages of the built-in shapes.
mkdir -p set/train/a set/train/b set/val/a set/val/b loose
for i in 1 2 3 4 5 6; do
  resnet-data synth:shapes --limit-train 100 --seed $i --montage set/train/a/$i.png
  resnet-data synth:shapes --limit-train 100 --seed $i --cutout 32 --montage set/train/b/$i.png
done
cp set/train/a/1.png set/val/a/x.png
cp set/train/b/2.png set/val/b/y.png
cp set/train/b/3.png "loose/a picture.png"
head -c 8 set/train/a/1.png | od -An -tx1 | grep -q '89 50 4e 47' || fail "--montage makes no PNG"
cmp -s set/train/a/1.png set/train/a/2.png && fail "--montage does not depend on the seed"
resnet-data synth:shapes --limit-train 100 --seed 1 --montage again.png
cmp set/train/a/1.png again.png || fail "--montage differs from run to run"

uri='folder:set?size=32&resize=36'
resnet-data "$uri" | grep -q '^train  12 images, 6 to 6 a class' || fail "$(resnet-data "$uri")"
resnet-data "$uri" -o set.h5 --no-provenance
resnet-data h5:set.h5 --json | grep -q '"test":{"count":2' || fail "imported: $(resnet-data h5:set.h5 --json)"
resnet-train -q --arch resnet8-cifar --width 4 --data "$uri" --epochs 2 --batch 6 --random-crop 0.3,1 --flip \
  --jitter 0.4,0.4,0.4,0 --loaders 2 -o m.h5 >/dev/null
resnet-eval -q m.h5 --data "$uri" --json | grep -q '"count":2' || fail "does not evaluate"
resnet-eval -q m.h5 --data "$uri" --ten-crop --json | grep -q '"count":2' || fail "does not evaluate ten crops"
resnet-train --arch resnet8-cifar --data "$uri" --batch 6 --loader-only --json -o x.h5 |
  grep -q '"images":12' || fail "--loader-only"
[ ! -e x.h5 ] || fail "--loader-only wrote a model"
resnet-eval -q m.h5 --predict loose >pred.tsv
head -n 1 pred.tsv | grep -qE '^image.class1.probability1.class2.probability2$' || fail "$(cat pred.tsv)"
grep -qE '^a picture.png.[ab].[01]\.[0-9]{4}.[ab].' pred.tsv || fail "$(cat pred.tsv)"
resnet-eval -q m.h5 --predict "loose/a picture.png" >one.tsv
[ "$(sed 's|^loose/||' one.tsv)" = "$(cat pred.tsv)" ] || fail "one picture: $(cat one.tsv)"
resnet-eval -q m.h5 --predict - <"loose/a picture.png" | cut -f 2- >piped.tsv
[ "$(cut -f 2- pred.tsv)" = "$(cat piped.tsv)" ] || fail "a piped picture: $(cat piped.tsv)"
mkdir mixed
cp "loose/a picture.png" mixed/good.png
head -c 300 "loose/a picture.png" >mixed/cut.png
echo text >mixed/text.jpg
expect 3 "2 of 3 images were skipped" resnet-eval m.h5 --predict mixed
[ "$(wc -l <out)" = 2 ] && grep -q '^good.png' out || fail "beside bad pictures: $(cat out)"
grep -q 'mixed/cut.png' err && grep -q 'mixed/text.jpg' err || fail "bad pictures: $(cat err)"
refused 3 "mixed/text.jpg" resnet-eval m.h5 --predict mixed/text.jpg
refused 3 "nowhere.png" resnet-eval m.h5 --predict nowhere.png
refused 2 "top goes with --predict" resnet-eval m.h5 --data "$uri" --top 3
refused 2 "per-class goes without --predict" resnet-eval m.h5 --predict loose --per-class

# Several models: a table, a line each.
cp m.h5 n.h5
resnet-eval -q m.h5 n.h5 --data "$uri" >table.tsv
[ "$(wc -l <table.tsv)" = 3 ] || fail "a table of two models: $(cat table.tsv)"
[ "$(cut -f 2-7 table.tsv | sed -n 2p)" = "$(cut -f 2-7 table.tsv | sed -n 3p)" ] || fail "$(cat table.tsv)"
resnet-eval -q m.h5 n.h5 --data "$uri" --json | grep -q '^{"models":\[{.*"model":"n.h5"}\]}$' || fail "no JSON of models"
echo text >no.h5
expect 3 "no.h5" resnet-eval -q m.h5 no.h5 n.h5 --data "$uri"
[ "$(sed 's/\t[^\t]*$//' out)" = "$(sed 's/\t[^\t]*$//' table.tsv)" ] || fail "beside a bad model: $(cat out)"


refused 2 "flip goes with --montage" resnet-data "$uri" --flip
refused 2 "siez" resnet-data 'folder:set?siez=3'
refused 3 "no such directory" resnet-data folder:nowhere
refused 2 "are for one model" resnet-eval m.h5 n.h5 --data "$uri" -o r.h5
refused 2 "one model" resnet-eval m.h5 n.h5 --predict loose
echo "no picture" >set/train/a/3.png
refused 3 "set/train/a/3.png" resnet-data "$uri"
