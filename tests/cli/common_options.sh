#!/bin/sh
# What all tools do alike: --help, --version, wrong options, and where they write.
set -eu
: "${SOURCE:?}" "${BUILD:?}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
bad=0
expect() { # expect CODE WHAT COMMAND...
  want=$1 what=$2
  shift 2
  code=0
  "$@" >out 2>err </dev/null || code=$?
  if [ "$code" != "$want" ]; then
    echo "$what: exit $code instead of $want"
    cat err
    bad=1
  fi
}
empty() {
  if [ -s "$1" ]; then
    echo "$2: $1 should be empty:"
    head -n 3 "$1"
    bad=1
  fi
}
for path in "$BUILD"/bin/resnet-* "$BUILD"/bin/video-*; do
  [ -x "$path" ] || continue  # built without FFmpeg
  tool=$(basename "$path")
  expect 0 "$tool --help" "$path" --help
  empty err "$tool --help"
  head -n 1 out | grep -q "^$tool: " || { echo "$tool --help: does not begin with its name"; bad=1; }
  for option in --quiet --verbose --config --version --help; do
    grep -q -e "$option" out || { echo "$tool --help: no $option"; bad=1; }
  done
  grep -q '75 stopped' out || { echo "$tool --help: no exit codes"; bad=1; }
  if awk 'length($0) > 80' out | grep .; then
    echo "$tool --help: lines over 80 columns"
    bad=1
  fi
  expect 0 "$tool --version" "$path" --version
  grep -qE "^$tool [0-9]+\.[0-9]+\.[0-9]+ \(" out || { echo "$tool --version: $(cat out)"; bad=1; }
  empty err "$tool --version"
  expect 2 "$tool --confgi" "$path" --confgi x
  empty out "$tool --confgi"
  grep -q "did you mean --config?" err || { echo "$tool: no suggestion: $(cat err)"; bad=1; }
  [ "$(wc -l <err)" = 1 ] || { echo "$tool: more than one line on a wrong option"; bad=1; }
  echo 'no-such-key = 1' >bad.toml
  expect 2 "$tool --config bad.toml" "$path" --config bad.toml x
  grep -q "bad.toml:1: unknown key 'no-such-key'" err || { echo "$tool: $(cat err)"; bad=1; }
  expect 2 "$tool --config of no recipe" "$path" --config short-cifr x
  grep -q "did you mean short-cifar?" err || { echo "$tool --config short-cifr: $(cat err)"; bad=1; }
  if [ -e /dev/full ]; then
    code=0
    "$path" --help >/dev/full 2>err || code=$?
    [ "$code" = 1 ] || { echo "$tool --help > /dev/full: exit $code"; bad=1; }
  fi
  code=0
  "$path" --help >&- 2>err || code=$?
  [ "$code" = 1 ] && grep -q 'cannot write to stdout' err || { echo "$tool --help >&-: exit $code"; bad=1; }
  # A language with other numbers changes nothing.
  LC_ALL=de_DE.UTF-8 "$path" --help >other
  "$path" --help | cmp -s - other || { echo "$tool --help depends on the locale"; bad=1; }
done
exit $bad
