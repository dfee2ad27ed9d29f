#!/bin/sh
# resnet-data from the outside: summaries, files, pipes, exit codes.
. "${SOURCE:?}/tests/support/cli.sh"
small="synth:shapes --limit-train 300 --limit-test 100"

expect 0 "" resnet-data $small
[ "$(wc -l <out)" = 3 ] || fail "a summary of two splits is not three lines: $(cat out)"
grep -q '^train  300 images' out || fail "no line for train: $(cat out)"
expect 0 "" resnet-data $small --json
grep -q '^{"uri":"synth:shapes".*"train":{"count":300,.*}$' out || fail "odd JSON: $(cat out)"
[ "$(wc -l <out)" = 1 ] || fail "JSON in more than one line"

# The same bytes at any number of threads, into a file and through a pipe.
expect 0 "" resnet-data $small --no-provenance --threads 1 -o a.h5
[ ! -s out ] || fail "-o alone printed something: $(cat out)"
expect 0 "" resnet-data $small --no-provenance --threads 3 -o b.h5
cmp a.h5 b.h5 || fail "bytes depend on --threads"
resnet-data $small --no-provenance -o - | cmp - a.h5 || fail "a pipe carries other bytes"
expect 0 "" resnet-data h5:a.h5 --json
sed 's/.*"train"//; s/"sha256":"[0-9a-f]*"//g' out >from_file
resnet-data $small --json | sed 's/.*"train"//; s/"sha256":"[0-9a-f]*"//g' | cmp - from_file ||
  fail "the summary of the copy differs"

refused 2 "exists already" resnet-data $small -o a.h5
expect 0 "" resnet-data $small -o a.h5 --force
expect 0 "" resnet-data $small -o c.h5 --dry-run
[ ! -e c.h5 ] || fail "--dry-run wrote"
grep -q 'would write about 2 MB to c.h5' err || fail "--dry-run says: $(cat err)"
refused 2 "would both write to stdout" resnet-data $small -o - --json
refused 2 "there is no directory" resnet-data $small -o none/x.h5
refused 2 "known are cifar10:DIR" resnet-data shapes
refused 2 "" resnet-data
refused 2 "limit-train" resnet-data synth:shapes --limit-train 0
refused 3 "no such directory" resnet-data cifar10:none
refused 3 "cannot open" resnet-data h5:none.h5
head -c 5000 a.h5 >cut.h5
refused 3 "truncated" resnet-data h5:cut.h5
: >empty.h5
refused 3 "is empty" resnet-data h5:empty.h5
echo "some text" >text.h5
refused 3 "starts with text" resnet-data h5:text.h5
[ ! -e /dev/full ] || refused 1 "No space left" resnet-data $small -o /dev/full
code=0
resnet-data $small -o - 2>err | head -c 10 >/dev/null || code=$?
[ ! -s err ] || fail "a closed pipe is not quiet: $(cat err)"

# Films, where there is the library of the video tools.
films="synth:actions?clips=1&test=0&side=32&frames=4"
refused 2 "for images" resnet-data "$films" --info
refused 2 "not stdout" resnet-data "$films" -o -
if [ -e "$BUILD/lib/libresnet-video.so.0" ]; then
  expect 0 "" resnet-data "$films" -o films
  [ "$(find films -name '*.mp4' | wc -l)" = 8 ] || fail "films: $(find films)"
  rm films/train/up/00000.mp4
  expect 0 "" resnet-data "$films" -o films
  grep -q '^films: 1 written, 7 were there$' out || fail "goes on otherwise: $(cat out)"
  refused 2 "holds other films" resnet-data "$films&seed=2" -o films
  refused 2 "set=x" resnet-data "synth:actions?set=x" -o films
  refused 2 "expected set=" resnet-data "synth:actions?sets=motion" -o films
  refused 2 "not an empty folder" resnet-data "$films" -o .
  expect 0 "" resnet-data "$films" --json
  grep -q '"clips":8,' out || fail "odd JSON of films: $(cat out)"
  ! ldd "$BUILD/bin/resnet-data" | grep -q libav || fail "resnet-data is linked with FFmpeg"
  # Without the library: said, and nothing else fails.
  mkdir -p alone/bin alone/lib
  cp "$BUILD/bin/resnet-data" alone/bin
  cp -P "$BUILD"/lib/libresnet.so* alone/lib
  refused 1 "cannot be loaded" alone/bin/resnet-data "$films" -o more
  expect 0 "" alone/bin/resnet-data $small
else
  refused 1 "cannot be loaded" resnet-data "$films" -o films
fi
