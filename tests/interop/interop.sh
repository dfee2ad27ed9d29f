#!/bin/sh
# interop.sh [CHECK...]: networks of other frameworks through resnet-convert, compared with what these
# compute themselves. PYTHON is an interpreter with torch, torchvision, timm, safetensors, keras and
# h5py; what it lacks is skipped, with a message (exit 77 if nothing is left). WEIGHTS and CIFAR10 are
# directories for `trained`.
set -u
: "${SOURCE:?}" "${BUILD:?}"
python=${PYTHON:-python3}
case ${WEIGHTS:-} in '' | /*) ;; *) WEIGHTS=$PWD/$WEIGHTS ;; esac
case ${CIFAR10:-} in '' | /*) ;; *) CIFAR10=$PWD/$CIFAR10 ;; esac
export BUILD WEIGHTS CIFAR10
if ! "$python" -c 'import numpy, h5py' 2>/dev/null; then
  echo "skipped: no $python with numpy and h5py (PYTHON=...)"
  exit 77
fi
[ $# -gt 0 ] || set -- torch keras trained training
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0 done=0
for check; do
  mkdir "$scratch/$check"
  code=0
  (cd "$scratch/$check" && "$python" -B "$SOURCE/tests/interop/convert_$check.py" \
    "$SOURCE/tests/interop") || code=$?
  case $code in
    0) done=1 ;;
    77) ;;
    *) failed=1 done=1 ;;
  esac
done
[ $done = 1 ] || exit 77
exit $failed
