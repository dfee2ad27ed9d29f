#!/bin/sh
# video-flow from the outside: clips, sets of clips, pictures, .flo files, bad clips, exit codes.
. "${SOURCE:?}/tests/support/cli.sh"
needs_video
flow="video-flow --no-provenance --progress never"
number() { sed "s/.*\"$1\":\\([-0-9.e+]*\\).*/\\1/" out; }

mkdir clips
"$BUILD/tests/make-clips" clips

# A clip: the same bytes with any number of threads and through a pipe.
expect 0 "" $flow clips/good.mp4 -o a.h5 --threads 1
grep -q '^good.mp4: 5 fields of 64 x 48$' out || fail "summary: $(cat out)"
expect 0 "" $flow clips/good.mp4 -o b.h5 --threads 2
cmp a.h5 b.h5 || fail "the number of threads changes bytes"
$flow clips/good.mp4 -o - >c.h5 || fail "-o - fails"
cmp a.h5 c.h5 || fail "a pipe carries other bytes"

# Known motion, (1.5, -1) pixels a picture; a still clip has none.
expect 0 "" $flow clips/good.mp4 --field 2 -o field.flo
[ "$(head -c 4 field.flo)" = PIEH ] || fail "no .flo file"
header() { printf 'PIEH\100\000\000\000\060\000\000\000'; }
vectors() { yes "$1" | head -n $((48 * 64)) | tr -d '\n' | sed 's/x/\x00\x00\xc0\x3f\x00\x00\x80\xbf/g'; }
{ header && LC_ALL=C vectors x; } >truth.flo
expect 0 "" $flow field.flo --compare truth.flo --json
awk -v epe="$(number epe)" 'BEGIN { exit !(epe > 0 && epe < 0.35) }' ||
  fail "known motion is missed: $(cat out)"
expect 0 "" $flow a.h5 --field 2 --compare field.flo
grep -q '^end-point error 0.0000 px' out || fail "a field differs from itself: $(cat out)"
{ header && head -c $((48 * 64 * 8)) /dev/zero; } >none.flo
expect 0 "" $flow clips/still.mkv --float -o still.h5
expect 0 "" $flow still.h5 --field 1 --compare none.flo --json
awk -v epe="$(number epe)" 'BEGIN { exit !(epe < 0.002) }' || fail "a still clip moves: $(cat out)"

# What is there of the same clip and options stays; other options and clips are refused.
before=$(stat -c %y-%i a.h5)
expect 0 "" $flow clips/good.mp4 -o a.h5 --json
[ "$(number unchanged)" = 1 ] && [ "$(stat -c %y-%i a.h5)" = "$before" ] ||
  fail "made again: $(cat out)"
refused 2 "a.h5: was made with bound 20 instead of 10; --force makes it anew" \
  $flow clips/good.mp4 -o a.h5 --bound 10
expect 0 "" $flow clips/good.mp4 -o a.h5 --bound 10 --force
refused 2 "a.h5: is the flow of good.mp4; --force makes it anew" \
  $flow clips/other.mkv -o a.h5 --bound 10
cp clips/other.mkv good.mp4
refused 2 "a.h5: is the flow of another good.mp4; --force" $flow good.mp4 -o a.h5 --bound 10
expect 0 "" $flow clips/other.mkv -o a.h5 --bound 10 --force
grep -q '^other.mkv: 4 fields' out || fail "another clip: $(cat out)"
echo text >text.h5
refused 2 "text.h5: exists and is no flow" $flow clips/good.mp4 -o text.h5

# Sets: bad clips are named, the others made; the same command again does nothing.
expect 3 "7 of 10 clips were skipped" $flow clips -o set
for why in 'empty.avi: cannot be read as a video' 'text.avi: cannot be read as a video' \
  'headless.mp4: cannot be read as a video' 'sound.avi: has no video stream' \
  'single.mp4: has one picture' 'cut.mkv: ' 'sizes.ts: picture'; do
  grep -qF "skipped: clips/$why" err || fail "a set does not name $why: $(cat err)"
done
[ "$(ls set)" = "$(printf 'good.mp4.h5\nother.mkv.h5\nstill.mkv.h5')" ] || fail "made: $(ls set)"
expect 3 "" $flow clips -o set --json
[ "$(number made)$(number unchanged)" = 03 ] || fail "made again: $(cat out)"
refused 3 "" $flow clips -o strict --strict
[ ! -e strict/still.mkv.h5 ] || fail "--strict goes on"
printf 'good.mp4 1\nabsent.avi 2\nother.mkv 3\n' >clips/list.txt
expect 3 "absent.avi: no such file" $flow clips/list.txt -o listed
cmp set/good.mp4.h5 listed/good.mp4.h5 || fail "a list makes other bytes"
expect 0 "" $flow clips/good.mp4 clips/other.mkv clips/still.mkv -o shards --shard 2/2
[ "$(ls shards/clips)" = other.mkv.h5 ] || fail "--shard 2/2 made $(ls shards/clips)"
expect 3 "" $flow clips -o dry -n --json
[ "$(number fields)" = 12 ] && [ ! -e dry ] || fail "--dry-run: $(cat out)"

# Pictures, drawings.
expect 0 "" $flow clips/frame0.png clips/frame1.png -o pair.h5 --render pair.png
[ "$(head -c 4 pair.png | tail -c 3)" = PNG ] || fail "no PNG"
if [ -e "$BUILD/emulated/libresnet.so.0" ]; then # a GPU, emulated: the CPU's field, up to rounding
  brief="--scales 2 --warps 1 --outer 1"
  # shellcheck disable=SC2086 # options are words
  expect 0 "" $flow clips/frame0.png clips/frame1.png $brief --device cpu -o here.flo
  # shellcheck disable=SC2086
  expect 0 "" env LD_LIBRARY_PATH="$BUILD/emulated" $flow clips/frame0.png clips/frame1.png $brief \
    --device cuda -o there.h5 --compare here.flo --json
  awk -v epe="$(number epe)" 'BEGIN { exit !(epe < 1e-4) }' || fail "on a device: $(cat out)"
fi
expect 0 "" $flow clips/good.mp4 --render film.mp4 -o film.h5
expect 0 "" $flow film.mp4 -n -o x.h5
grep -q '4 fields of 128 x 48' out || fail "the film: $(cat out)"
expect 0 "" $flow field.flo --render field.png --longest 2
refused 3 "small.png: is 65 x 40" $flow clips/frame0.png clips/small.png -o x.flo
refused 2 "one picture has no flow" $flow clips/frame0.png -o x.flo
refused 2 "nothing to make" $flow clips/good.mp4
refused 2 "--field N says which" $flow clips/good.mp4 -o x.flo
refused 2 "go into a folder" $flow clips -o x.h5
refused 2 "pictures are .png" $flow clips/good.mp4 --render x.bmp
refused 2 "--median 4" $flow clips/good.mp4 -o x.h5 --median 4
refused 3 "truth.flo: is a field of 64 x 48" $flow pair.h5 --compare truth.flo
head -c 1000 truth.flo >cut.flo
refused 3 "cut.flo: claims 64 x 48 vectors" $flow field.flo --compare cut.flo
[ ! -e x.h5 ] && [ ! -e x.flo ] || fail "something was written"
