#!/bin/sh
# share/check-gpu.sh on the emulated device, as far as that goes: its reports, and its word where there is
# no device.
. "${SOURCE:?}/tests/support/cli.sh"
needs_emulated
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

# The kernels by time, out of what a profiler prints.
mkdir stub
cat >stub/ncu <<'END'
#!/bin/sh
cat <<'CSV'
==PROF== Connected to process 7
"ID","Process ID","Kernel Name","dram__bytes.sum","gpu__time_duration.sum","launch__registers_per_thread"
"","","","Mbyte","ns","register/thread"
"0","7","void rn::ops::cuda::(anonymous namespace)::gather_kernel<rn::bfloat16, (int)16, (bool)0>(rn::ops::cuda::GatherAt<T>)","4","2,000","128"
"1","7","void rn::ops::cuda::(anonymous namespace)::gather_kernel<rn::bfloat16, (int)16, (bool)0>(rn::ops::cuda::GatherAt<T>)","8","4,000","128"
"2","7","rn::ops::cuda::merge_sums_kernel(rn::ops::cuda::Parts)","1","2000","22"
CSV
END
chmod +x stub/ncu
# shellcheck disable=SC2016 # the quotes are Markdown's
row='| bf16, batch 8 | `gather_kernel<bfloat16, 16, 0>` | 2 | 3.00 | 75.0 | 2000 | 128 |'
# shellcheck disable=SC2016
other='| fp32, batch 8 | `merge_sums_kernel` | 1 | 2.00 | 25.0 | 500 | 22 |'
PATH=$scratch/stub:$PATH BATCHES=8 LD_LIBRARY_PATH=$BUILD/emulated sh "$SOURCE/share/check-gpu.sh" --bin "$BUILD/bin" \
  -o profile --only profile >out || fail "profile: exit $?: $(cat out)"
for kernel in "$row" "$other"; do
  grep -qF "$kernel" profile/check-gpu.md || fail "$(cat profile/check-gpu.md)"
done
