#!/bin/sh
# video-twostream from the outside: training from streams to the whole, evaluation, prediction,
# resuming, bad clips, exit codes.
. "${SOURCE:?}/tests/support/cli.sh"
needs_video

resnet-data "synth:actions?clips=2&test=1&side=32&frames=12" -o films >/dev/null
video-flow films -o flow --progress never >/dev/null 2>&1
quiet="-q --no-provenance --progress never"
train="video-twostream train --data clips:films --flow flow --arch resnet14-cifar --width 4 \
  --short-side 32 --batch 6 --epochs 2 --lr 0.02 --test-frames 6 $quiet"

# The rows of Table 3, one from another.
expect 0 "" $train --streams appearance --no-temporal -o appearance.h5 --log log.jsonl
grep -q '^appearance.h5: resnet14-cifar of .* test error' out || fail "summary: $(cat out)"
grep -q '"event":"epoch"' log.jsonl || fail "no epoch in the log"
expect 0 "" $train --streams motion --no-temporal --crop corners -o motion.h5
expect 0 "" $train --connection none --no-temporal --init-from appearance.h5,motion.h5 -o two.h5
expect 0 "" $train --frames 3 --stride 2-4 --init-from appearance.h5,motion.h5 -o st.h5
expect 0 "" $train --frames 5 --stride 1-3 --temporal-pool after_average --init-from st.h5 -o star.h5
expect 0 "" $train --connection multiplicative --frames 2 --micro-batch 3 --init-from motion.h5 -o mul.h5
resnet-train --arch resnet14-cifar --width 4 --data synth:shapes --limit-train 64 --limit-test 32 \
  --epochs 1 $quiet -o image.h5 >out
expect 0 "" $train --frames 2 --init-from image.h5 -o from.h5
refused 3 "does not fit" $train --width 8 --init-from image.h5 -o x.h5

# What would be done.
expect 0 "" $train --frames 3 --stride 2-4 --init-from appearance.h5,motion.h5 -n
grep -q '16 clips to train' out && grep -q '^time  *about' out || fail "plan: $(cat out)"
expect 0 "" $train --frames 3 --stride 2-4 --init-from appearance.h5,motion.h5 -o plan.h5 -n --json
grep -q '"train_clips":16,.*"steps":6,' out || fail "plan as JSON: $(cat out)"
[ ! -e plan.h5 ] || fail "--dry-run wrote"
expect 0 "" video-twostream eval st.h5 --data clips:films --flow flow -o plan.h5 -n
grep -q '^would evaluate resnet14-cifar (two streams, .* 8 clips of 6 frames$' out || fail "plan: $(cat out)"
[ ! -e plan.h5 ] || fail "eval --dry-run wrote"

# What was mirrored in training is so in testing, unless told otherwise.
expect 0 "" $train --streams motion --no-temporal --flip -o flip.h5
error=$(sed -n 's/.*test error \([0-9.]*\) %.*/\1/p' out)
expect 0 "" video-twostream eval flip.h5 --data clips:films --flow flow
grep -q 'and their mirror images,' out || fail "eval does not mirror: $(cat out)"
awk -F '\t' -v e="$error" '$1 == "motion" && $3 + 0 == e + 0 { same = 1 } END { exit !same }' out ||
  fail "trained to $error %: $(cat out)"
expect 0 "" video-twostream eval flip.h5 --data clips:films --flow flow --no-flip
grep -q 'mirror' out && fail "--no-flip mirrors"
expect 0 "" video-twostream eval motion.h5 --data clips:films --flow flow
grep -q 'mirror' out && fail "eval mirrors what was not: $(cat out)"

# The same bytes with any number of threads, and from a run that was stopped.
expect 0 "" $train --frames 3 --stride 2-4 --init-from appearance.h5,motion.h5 -o again.h5 --threads 1 --loaders 3
cmp st.h5 again.h5 || fail "threads change bytes"
expect 75 "" $train --frames 3 --stride 2-4 --init-from appearance.h5,motion.h5 -o stop.h5 --max-time 0.001s --resume
[ -f stop.h5.ckpt ] || fail "no checkpoint"
refused 2 "another stride" $train --frames 3 --stride 1 --init-from appearance.h5,motion.h5 -o stop.h5 --resume
times=0
while [ ! -f stop.h5 ] && [ $times -lt 20 ]; do
  code=0
  $train --frames 3 --stride 2-4 --init-from appearance.h5,motion.h5 -o stop.h5 --max-time 0.001s \
    --resume >out 2>err || code=$?
  [ $code = 75 ] || [ $code = 0 ] || fail "resuming: exit $code: $(cat err)"
  times=$((times + 1))
done
cmp st.h5 stop.h5 || fail "resuming changes bytes"
[ ! -e stop.h5.ckpt ] || fail "the checkpoint stays"
expect 0 "" $train --frames 3 --stride 2-4 --init-from appearance.h5,motion.h5 -o stop.h5 --resume

# Evaluation: tables, results, the same from flow that is computed.
expect 0 "" video-twostream eval st.h5 --data clips:films --flow flow $quiet --per-class --confusion -o eval.h5 --table eval.tsv
for word in "^appearance	" "^motion	" "^both	" "^class	count" "^label.prediction	clockwise	"; do
  grep -q "$word" out || fail "eval: no $word in $(cat out)"
done
[ "$(wc -l <eval.tsv)" = 9 ] || fail "table: $(cat eval.tsv)"
cp out first
expect 0 "" video-twostream eval st.h5 --data clips:films $quiet --per-class --confusion
tail -n +2 first >a && tail -n +2 out >b && cmp a b || fail "computed flow differs: $(diff a b)"
expect 0 "" video-twostream eval st.h5 --data clips:films $quiet --json --split train --limit 8
grep -q '"count":8,.*"motion":{"errors"' out || fail "odd JSON: $(cat out)"
expect 0 "" resnet-info eval.h5
refused 2 "does not say what it was trained on" video-twostream eval st.h5 $quiet
refused 2 "exists already" video-twostream eval st.h5 $quiet -o eval.h5
refused 2 "pools over" video-twostream eval star.h5 --test-frames 3 $quiet
refused 3 "is an image network" video-twostream eval image.h5 $quiet
refused 2 ".csv or a .tsv" video-twostream eval st.h5 --table x.txt $quiet
expect 0 "" video-twostream eval motion.h5 --data clips:films --flow flow $quiet
grep -q '^motion	' out && ! grep -q '^both' out || fail "one stream: $(cat out)"

# Two models of a stream each are a two-stream network: the same as one that is made of them.
expect 0 "" $train --connection none --no-temporal --init-from appearance.h5,motion.h5 --steps 1 --lr 0 \
  --momentum 0 --weight-decay 0 --bn-momentum 1e-9 -o joined.h5
expect 0 "" video-twostream eval joined.h5 --data clips:films --flow flow $quiet
tail -n +2 out >a
expect 0 "" video-twostream eval motion.h5 --with appearance.h5 --data clips:films --flow flow $quiet
tail -n +2 out | cmp - a || fail "joined otherwise: $(cat out a)"
refused 2 "--with: " video-twostream eval st.h5 --with motion.h5 --data clips:films $quiet
refused 2 "--with: " video-twostream eval motion.h5 --with motion.h5 --data clips:films $quiet

# Prediction for clips without labels.
expect 0 "" video-twostream predict st.h5 films/test/left --top 2 $quiet --table p.csv
[ "$(wc -l <out)" = 3 ] && [ "$(wc -l <p.csv)" = 2 ] || fail "predict: $(cat out p.csv)"
# Frames nearer to each other than in training, where taps are in time.
expect 0 "11 frames of a clip, 1.1 pictures apart where it has 12; trained 2 to 4 apart: --test-frames 5 is" \
  video-twostream eval st.h5 --data clips:films --flow flow --test-frames 11 $quiet
# Pictures of another size are resized as in training, with flow at hand and without.
resnet-data "synth:actions?clips=1&test=0&side=48&frames=8" -o larger -q >/dev/null
video-flow larger/train/left -o larger-flow --short-side 32 -q --progress never >/dev/null
expect 0 "" video-twostream predict st.h5 larger/train/left --flow larger-flow $quiet
mv out with
expect 0 "" video-twostream predict st.h5 larger/train/left $quiet
cmp -s out with || fail "predict with flow and without: $(cat with out)"
expect 0 "" video-twostream predict st.h5 films/test/left/00000.mp4 $quiet --json
grep -q '"classes":\[' out || fail "odd JSON: $(cat out)"
if command -v gnuplot >/dev/null; then
  expect 0 "" video-twostream predict st.h5 films/test/left/00000.mp4 $quiet --render strip.svg
  grep -q '</svg>' strip.svg || fail "no picture of a clip"
  refused 2 "--render draws one clip" video-twostream predict st.h5 films/test $quiet --render more.svg
fi

# Clips that cannot be used are named, and the rest goes on.
mkdir clips
"$BUILD/tests/make-clips" clips
cp -r films mixed
cp clips/headless.mp4 clips/text.avi clips/empty.avi clips/sound.avi clips/single.mp4 clips/sizes.ts clips/cut.mkv mixed/train/up
mixed="$train --data clips:mixed --streams motion --no-temporal --epochs 1"
expect 3 "7 clips were skipped" $mixed -o mixed.h5 --flow ''
for name in headless.mp4 text.avi empty.avi sound.avi single.mp4 sizes.ts cut.mkv; do
  grep -q "skipped: mixed/train/up/$name: " err || fail "$name is not named: $(cat err)"
done
[ -f mixed.h5 ] || fail "the others did not go on"
refused 3 "mixed/train/up/" $mixed -o strict.h5 --flow '' --strict
expect 3 "has no flow" video-twostream predict st.h5 clips/good.mp4 --flow flow $quiet
{ echo "path,label,split" && echo "films/train/up/00000.mp4,up,test" && echo "none.mp4,left,test"; } >list.csv
expect 3 "none.mp4: no such file" video-twostream eval mixed.h5 --data clips:list.csv $quiet
grep -q "classes are others" err || fail "other classes are not noticed: $(cat err)"

# Wrong usage.
refused 2 "COMMAND is required" video-twostream
refused 2 "unknown option --per-class" video-twostream train --per-class
refused 2 "expected clips:WHERE" $train --data folder:films -o x.h5
refused 2 "connection 'add'" $train --connection add -o x.h5
refused 2 "--stride 3-1" $train --stride 3-1 -o x.h5
refused 2 "cannot be a stream" $train --arch preresnet20-cifar -o x.h5
refused 2 "where does the model go" $train
refused 3 "no such folder" $train --data clips:none -o x.h5
refused 3 "another size" $train --short-side 30 -o x.h5 --strict

# Recipes: each is one that the tool takes.
for recipe in "$SOURCE"/share/recipes/*video-*.toml; do
  name=$(basename "$recipe" .toml)
  grep -q "video-twostream train --config share/recipes/$name.toml" "$recipe" ||
    fail "$recipe: does not say how it is used"
  expect 0 "" video-twostream train --config "$recipe" --data clips:films --arch resnet14-cifar --width 4 \
    --short-side 32 --side 28 --steps 1 --warmup 0e --batch 4 --micro-batch 2 --limit-test 2 --loaders 1 \
    --test-frames 9 --eval-every 1e $quiet -o "$name.h5"
done
