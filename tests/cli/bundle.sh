#!/bin/sh
# The archive of `make bundle`: small enough, unpacked anywhere, run with nothing but its own libraries.
. "${SOURCE:?}/tests/support/cli.sh"
! ldd "$BUILD/bin/resnet-train" | grep -q 'lib[au]san' || skip "a build with sanitizers is not shipped"
PRESET=1 sh "$SOURCE/share/cmake/bundle.sh" "$BUILD" "$scratch/tools-1.tar.xz" >out || fail "exit $?: $(cat out)"
[ "$(wc -c <tools-1.tar.xz)" -le 60000000 ] || fail "$(cat out)"
mkdir elsewhere
tar -C elsewhere -xf tools-1.tar.xz
mv elsewhere/tools-1 "elsewhere/moved here"
cd elsewhere
bundle="$scratch/elsewhere/moved here"

# Nothing but the C library is taken from outside.
for program in "$bundle"/libexec/*; do
  [ "$(basename "$program")" = run ] || LD_LIBRARY_PATH="$bundle/lib" ldd "$program"
done | awk '/=> \//{print $1, $3, $4, $5}' | grep -v -F "$bundle/lib" |
  grep -vE '^(libc|libm|libpthread|libdl|librt|libresolv)\.so' >outside || true
[ ! -s outside ] || fail "taken from outside: $(sort -u outside)"
env -i PATH=/usr/bin:/bin "$bundle/bin/resnet-train" -q --config spiral-c1 --epochs 1 --warmup 0i -o model.h5 >/dev/null ||
  fail "resnet-train of the bundle, with a recipe of the bundle: exit $?"
env -i PATH=/usr/bin:/bin "$bundle/bin/resnet-info" model.h5 >info || fail "resnet-info of the bundle"
[ -s info ] || fail "resnet-info of the bundle says nothing"
env -i PATH=/usr/bin:/bin "$bundle/bin/check-ops" --op clip --device cpu >/dev/null || fail "check-ops of the bundle"
