#!/bin/sh
# usage: [PRESET=6] bundle.sh BUILD OUTPUT.tar.xz (PRESET: of xz)
# The tools, check-ops and the libraries they need as one archive that runs from any folder on machines
# without our packages: x86-64 (or the like) with a C library as new as this machine's. Video tools, which
# need FFmpeg's dozens of libraries, are left out; cuBLAS and cuDNN are not used. At most 60 MB.
set -eu
build=${1:?usage: bundle.sh BUILD OUTPUT.tar.xz}
output=${2:?usage: bundle.sh BUILD OUTPUT.tar.xz}
limit=60000000
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
name=$(basename "$output" .tar.xz)
root=$stage/$name

DESTDIR=$stage cmake --install "$build" --prefix /installed --strip >/dev/null
mkdir -p "$root"
mv "$stage/installed/share" "$root/share"
mkdir -p "$root/lib" "$root/libexec" "$root/bin"
for tool in "$stage"/installed/bin/*; do
  case ${tool##*/} in
  video-*) ;;
  *) mv "$tool" "$root/libexec/" ;;
  esac
done
cp "$build/bin/check-ops" "$build/bin/bench-train" "$root/libexec/"
strip "$root/libexec/check-ops" "$root/libexec/bench-train"

# Each library under the name it is asked for by; what belongs to the system stays there.
for program in "$root"/libexec/*; do
  LD_LIBRARY_PATH=$stage/installed/lib ldd "$program"
done | awk '/=> \//{print $1, $3} /not found/{print "missing", $1}' | sort -u |
  while read -r soname path; do
    case $soname in
    missing)
      echo "bundle: $path is not found" >&2
      exit 1
      ;;
    libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | libresolv.so.* | ld-linux*) ;;
    *)
      cp -L "$path" "$root/lib/$soname"
      chmod u+w "$root/lib/$soname"
      strip --strip-unneeded "$root/lib/$soname"
      ;;
    esac
  done

cat >"$root/libexec/run" <<'EOF'
#!/bin/sh
# What every name in bin/ is: finds the bundle it lies in, and runs the program of its own name.
name=$(basename "$0")
bundle=$(dirname "$(dirname "$(readlink -f "$0")")")
LD_LIBRARY_PATH=$bundle/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$bundle/libexec/$name" "$@"
EOF
chmod +x "$root/libexec/run"
for program in "$root"/libexec/*; do
  [ "$(basename "$program")" = run ] || ln -s ../libexec/run "$root/bin/$(basename "$program")"
done
cp "$(dirname "$0")/../check-gpu.sh" "$root/check-gpu.sh"
mkdir "$root/bench"
cp "$(dirname "$0")/../../tests/bench/peer.py" "$(dirname "$0")/../../tests/bench/peer_rate.py" "$root/bench/"
"$root/bin/resnet-train" --version >"$root/VERSION" 2>&1 || {
  cat "$root/VERSION" >&2
  exit 1
}

tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner -cf - "$name" | xz -T0 "-${PRESET:-6}" >"$output.tmp"
size=$(wc -c <"$output.tmp")
if [ "$size" -gt $limit ]; then
  rm "$output.tmp"
  echo "bundle: $size bytes, more than $limit; fewer architectures: make bundle CUDA_ARCH=90a" >&2
  exit 1
fi
mv "$output.tmp" "$output"
echo "$output: $size bytes; unpack it anywhere, then $name/bin/resnet-train, $name/check-gpu.sh"
