#!/bin/sh
# share/check-gpu.sh on the emulated device, as far as that goes: its reports, and its word where there is
# no device.
set -eu
: "${BUILD:?}" "${SOURCE:?}"
[ -e "$BUILD/emulated/libresnet.so.0" ] || {
  echo "skipped: no emulated device in this build"
  exit 77
}
unset RESNET_THREADS RESNET_CONFIG RN_EMU_RACES RN_EMU_ORDER RN_EMU_MEMORY 2>/dev/null || true
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
fail() {
  echo "FAIL: $*"
  exit 1
}
code=0
sh "$SOURCE/share/check-gpu.sh" --bin "$BUILD/bin" -o none --device cuda:9 >out 2>err || code=$?
[ $code = 4 ] || fail "without a device: exit $code: $(cat err)"
[ "$(wc -l <err)" = 1 ] || fail "without a device: $(cat err)"
[ ! -e none/check-gpu.json ] || fail "without a device there is a report"

LD_LIBRARY_PATH=$BUILD/emulated sh "$SOURCE/share/check-gpu.sh" --bin "$BUILD/bin" -o report --quick >out ||
  fail "exit $?: $(cat out)"
grep -q '"failed": 0' report/check-gpu.json || fail "$(cat report/check-gpu.json)"
grep -q '"device": "cuda:0 emulated' report/check-gpu.json || fail "no device: $(cat report/check-gpu.json)"
grep -q '"op": "adam", "exit": 0' report/check-gpu.json || fail "no ops: $(cat report/check-gpu.json)"
grep -q '"good": true' report/check-gpu.json || fail "no curve: $(cat report/check-gpu.json)"
grep -q 'All is well' report/check-gpu.md || fail "$(cat report/check-gpu.md)"
if command -v python3 >/dev/null; then
  python3 -c 'import json, sys; json.load(open(sys.argv[1]))' report/check-gpu.json || fail "no JSON: $(cat report/check-gpu.json)"
fi
