#!/bin/sh
# usage: check-sass.sh LIBRARY [CUOBJDUMP]
# What the compiler made of the kernels, without a GPU: convolutions in bf16 must use tensor cores (HMMA),
# and keep nothing in local memory (STL, LDL) where they multiply, that is between their first and last
# HMMA. Prints a table of the convolutions and of every kernel that uses local memory at all. CUOBJDUMP needs nvdisasm beside it; both come with the CUDA toolkit.
set -eu
library=${1:?usage: check-sass.sh LIBRARY [CUOBJDUMP]}
cuobjdump=${2:-${CUOBJDUMP:-cuobjdump}}
command -v "$cuobjdump" >/dev/null || {
  echo "check-sass: no cuobjdump (of the CUDA toolkit) in PATH" >&2
  exit 4
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$(dirname "$(command -v "$cuobjdump")"):$PATH "$cuobjdump" -sass "$library" >"$work/sass"
awk '
  /^[ \t]*Function : / { name = $3; order[++n] = name; next }
  / HMMA\./ { hmma[name]++; between[name] += since[name]; since[name] = 0 }
  /[ \t]STL(\.| )/ { store[name]++; if (hmma[name]) since[name]++ }
  /[ \t]LDL(\.| )/ { load[name]++; if (hmma[name]) since[name]++ }
  /^[ \t]*\/\*[0-9a-f]+\*\// { lines[name]++ }
  END { for (i = 1; i <= n; i++) { k = order[i]
    print k, lines[k] + 0, hmma[k] + 0, store[k] + 0, load[k] + 0, between[k] + 0 } }
' "$work/sass" | c++filt -p | sed 's/rn::ops::cuda:://g; s/(anonymous namespace):://g; s/rn:://g' >"$work/all"
[ -s "$work/all" ] || {
  echo "check-sass: $library has no kernels" >&2
  exit 3
}
echo "kernel	instructions	HMMA	STL	LDL	between HMMAs"
awk '
  { m = NF; inside = $m; ldl = $(m - 1); stl = $(m - 2); hmma = $(m - 3); lines = $(m - 4)
    name = $1; for (i = 2; i <= m - 5; i++) name = name " " $i
    total++
    hot = name ~ /gather_kernel<|weights_kernel<.*WeightsAt|^weights_kernel<[a-z0-9]*, /
    if (hot || stl + ldl > 0) printf "%s\t%d\t%d\t%d\t%d\t%d\n", name, lines, hmma, stl, ldl, inside
    if (stl + ldl > 0) local++
    if (inside > 0) { bad++; print "local memory where it multiplies: " name > "/dev/stderr" }
    if (hot && name ~ /bfloat16/ && hmma == 0) { bad++; print "no tensor cores: " name > "/dev/stderr" }
    if (hmma > 0) tensor++ }
  END { printf "%d kernels, %d with tensor-core instructions, %d with local memory\n", total, tensor, local
        exit bad > 0 }
' "$work/all"
