#!/bin/sh
# fetch-cifar10.sh DIR: CIFAR-10 (binary version) from its home page, with the digest published there.
set -eu
dir=$1
url=https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz
md5=c32a1d4ab5d03f1284b67883e8d87530
if [ -f "$dir/cifar-10-batches-bin/test_batch.bin" ]; then
  echo "Already there: $dir/cifar-10-batches-bin"
  exit 0
fi
mkdir -p "$dir"
archive=$dir/cifar-10-binary.tar.gz
if command -v curl >/dev/null; then
  curl -fL --retry 3 -o "$archive.part" "$url"
elif command -v wget >/dev/null; then
  wget -O "$archive.part" "$url"
else
  echo "fetch-cifar10: neither curl nor wget is installed; apt-get install curl" >&2
  exit 1
fi
if ! echo "$md5  $archive.part" | md5sum -c --quiet; then
  echo "fetch-cifar10: $archive.part is not the file that was published; removed" >&2
  rm -f "$archive.part"
  exit 1
fi
mv "$archive.part" "$archive"
tar -xzf "$archive" -C "$dir"
rm "$archive"
echo "Use it: --data cifar10:$dir/cifar-10-batches-bin"
