#!/bin/sh
# Each header compiles alone.
set -eu
cd "${SOURCE:-.}"
export CXX="${CXX:-c++}"
export FLAGS="-std=c++20 -fsyntax-only -Ilib -isystem ${HDF5_INCLUDE:-/usr/include/hdf5/serial}"
find lib -name '*.h' -not -path '*/cuda/*' | sort | xargs -P "$(nproc)" -I{} sh -c '
  echo "#include \"{}\"" | $CXX $FLAGS -I. -x c++ - || { echo "{}: does not compile alone"; exit 1; }'
