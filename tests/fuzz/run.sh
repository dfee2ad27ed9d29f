#!/bin/sh
# run.sh BUILD SECONDS [TARGET...]: every fuzz target that long; executions on stdout, logs and inputs
# that failed in BUILD/fuzz. Fails on a finding. `make fuzz` calls this. FUZZ_RUNS=N stops each target
# after N executions, if these take less time.
set -u
build=$1
seconds=$2
shift 2
here=$(dirname "$0")
bad=0
limits="-max_total_time=$seconds${FUZZ_RUNS:+ -runs=$FUZZ_RUNS}"
if [ $# = 0 ]; then set -- safetensors pickle torch convert h5 results h5_raw; fi
for target in "$@"; do
  log=$build/fuzz/$target.log
  corpus=$build/fuzz/corpus/$target
  mkdir -p "$corpus"
  if [ "$target" = h5_raw ]; then
    # A seed of the day, so that runs add up; it stands in the log.
    seed=${FUZZ_SEED:-$(date +%Y%m%d)}
    echo "seed $seed" >"$log"
    # shellcheck disable=SC2086
    "$build/fuzz/fuzz_h5_raw" $limits -seed="$seed" \
      -artifact_prefix="$build/fuzz/" >>"$log" 2>&1
  else
    # libhdf5 is not ours to instrument: what it leaks on hostile files is counted by our own tests.
    # shellcheck disable=SC2086
    "$build/fuzz/fuzz_$target" $limits -max_len=4096 -timeout=60 \
      -rss_limit_mb=2048 -malloc_limit_mb=256 -print_final_stats=1 \
      -artifact_prefix="$build/fuzz/$target-" "$corpus" "$here/corpus/$target" >"$log" 2>&1
  fi
  status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
  apart=$(sed -n 's/^stat::crashes_in_libhdf5: *//p' "$log" | tail -1)
  if [ $status = 0 ]; then result="no findings"; else result="FINDING, see $log"; bad=1; fi
  echo "$target: ${runs:-?} executions, $result${apart:+ (crashes inside libhdf5, counted apart: $apart)}"
done
exit $bad
