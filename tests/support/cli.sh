# What the tests of tools from the outside share; each begins with
#   . "${SOURCE:?}/tests/support/cli.sh"
# The tools of BUILD are found first, the environment sets no options, and the current folder is an
# empty one, which is gone at the end.
set -eu
: "${BUILD:?}" "${SOURCE:?}"
PATH=$BUILD/bin:$PATH
for name in $(env | sed -n 's/^\(RESNET_[A-Z0-9_]*\|RN_EMU_[A-Z]*\)=.*/\1/p'); do unset "$name"; done
scratch=$(mktemp -d)
cleanup() { rm -rf "$scratch"; }
trap cleanup EXIT
cd "$scratch"

fail() {
  echo "FAIL: $*"
  exit 1
}
skip() { # skip WHY: the test is not for this machine or build
  echo "skipped: $*"
  exit 77
}
needs_gnuplot() { command -v gnuplot >/dev/null || skip "no gnuplot"; }
needs_video() { [ -x "$BUILD/bin/video-flow" ] || skip "built without FFmpeg"; }
needs_emulated() { [ -e "$BUILD/emulated/libresnet.so.0" ] || skip "no emulated device in this build"; }

expect() { # expect CODE PATTERN COMMAND...: ends with CODE, says PATTERN on stderr; leaves out, err, $code
  want=$1 pattern=$2
  shift 2
  code=0
  "$@" >out 2>err || code=$?
  [ "$code" = "$want" ] || fail "$*: exit $code instead of $want: $(cat err)"
  grep -q -e "$pattern" err || [ -z "$pattern" ] || fail "$*: no '$pattern' in: $(cat err)"
}
refused() { # refused CODE PATTERN COMMAND...: the same, in one line, and nothing on stdout
  expect "$@"
  shift 2
  [ "$(wc -l <err)" = 1 ] || fail "$*: more than one line: $(cat err)"
  [ ! -s out ] || fail "$*: wrote to stdout: $(head -c 200 out)"
}
rows() { # rows FILE N: a header and N rows, all with the same columns
  awk -F'\t' 'NR == 1 { n = NF } NF != n { exit 1 }' "$1" || fail "$1: ragged: $(cat "$1")"
  [ "$(wc -l <"$1")" = $(($2 + 1)) ] || fail "$1: not $2 rows: $(cat "$1")"
}
