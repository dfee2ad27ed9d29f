#!/bin/sh
# usage: check-gpu.sh [-o DIR] [--bin DIR] [--device cuda[:N]] [--quick]
# Looks whether the GPU does what the CPU does: every op's cases, compute-sanitizer over them where there
# is one, two short trainings whose loss curves must be the CPU's, and how fast they are. From a build
# (make check-gpu) or from a bundle. Writes DIR/check-gpu.json and DIR/check-gpu.md. Exit 0 if all is well,
# 1 if something is not, 4 without a device. --quick: few ops, no sanitizer, no speed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$here/bin
out=.
device=cuda
quick=
while [ $# -gt 0 ]; do
  case $1 in
  -o) out=$2 && shift ;;
  --bin) bin=$2 && shift ;;
  --device) device=$2 && shift ;;
  --quick) quick=1 ;;
  *)
    echo "check-gpu: unknown option '$1'; usage: check-gpu.sh [-o DIR] [--bin DIR] [--device D] [--quick]" >&2
    exit 2
    ;;
  esac
  shift
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
PATH=$bin:$PATH
code=0
about=$(check-ops --about --device "$device" 2>"$out/err") || code=$?
if [ $code != 0 ]; then
  cat "$out/err" >&2
  rm -f "$out/err"
  exit $code
fi
rm -f "$out/err"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
json=$work/parts
md=$work/text
: >"$json"
: >"$md"

quote() { printf '%s' "$1" | tr -d '\000-\037' | sed 's/[\\"]/\\&/g'; }
part() { # KEY JSON-VALUE: one member of the report
  printf ',\n  "%s": %s' "$1" "$2" >>"$json"
}
say() {
  printf '%s\n' "$*"
}
clocks() {
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit,temperature.gpu \
      --format=csv,noheader 2>/dev/null | head -n 1
  fi
}
version=$(resnet-train --version 2>/dev/null | head -n 1)
clocks_before=$(clocks)
say "check-gpu: $about"

# Ops.
ops=$(check-ops --list | awk '{print $1}' | sort -u)
[ -z "$quick" ] || ops="adam clip dropout index linear loss optimizer"
rows=
passed=0
for op in $ops; do
  code=0
  check-ops --op "$op" --device "$device" >ops.log 2>&1 || code=$?
  line=$(tail -n 1 ops.log)
  good=$(printf '%s\n' "$line" | awk '$2 == "passed," {print $1}')
  passed=$((passed + ${good:-0}))
  [ $code = 0 ] || {
    failed=$((failed + 1))
    cp ops.log "$out/failed-$op.log"
  }
  say "  $op: $line"
  rows="$rows${rows:+, }{\"op\": \"$op\", \"exit\": $code, \"result\": \"$(quote "$line")\"}"
  printf '| %s | %s | %s |\n' "$op" "$([ $code = 0 ] && echo yes || echo "**no** (exit $code)")" "$line" >>ops.md
done
part ops "[$rows]"

# The sanitizer, on what is small enough for it.
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null || true)
rows=
if [ -n "$sanitizer" ] && [ -z "$quick" ]; then
  program=$bin/check-ops
  [ ! -x "$bin/../libexec/check-ops" ] || {
    program=$bin/../libexec/check-ops
    export LD_LIBRARY_PATH="$bin/../lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  }
  for tool in memcheck racecheck; do
    for op in $ops; do
      code=0
      timeout 600 "$sanitizer" --tool $tool --error-exitcode 9 "$program" --op "$op" --device "$device" \
        --dtype fp32 >sanitizer.log 2>&1 || code=$?
      [ $code = 0 ] || {
        failed=$((failed + 1))
        cp sanitizer.log "$out/failed-$tool-$op.log"
      }
      say "  $tool $op: exit $code"
      rows="$rows${rows:+, }{\"tool\": \"$tool\", \"op\": \"$op\", \"exit\": $code}"
      printf '| %s | %s | %s |\n' $tool "$op" "$([ $code = 0 ] && echo clean || echo "**exit $code**")" >>sanitizer.md
    done
  done
fi
part sanitizer "[$rows]"

# Trainings: the losses of the first steps beside the CPU's.
rows=
for arch in resnet8-cifar revnet38-cifar; do
  for precision in fp32 bf16; do
    [ -z "$quick" ] || [ $arch$precision = resnet8-cifarfp32 ] || continue
    size="--limit-train 512 --limit-test 64 --batch 32"
    [ -z "$quick" ] || size="--width 4 --limit-train 24 --limit-test 8 --batch 8"
    for where in cpu "$device"; do
      # shellcheck disable=SC2086 # options are words
      resnet-train -q --device "$where" --arch $arch --precision $precision $size --epochs 1 --lr 0.02 \
        --pad 4 --flip --log-every 1i --log "curve.${where%%:*}" -o "m.${where%%:*}.h5" --force >/dev/null
    done
    tolerance=$([ $precision = fp32 ] && echo 2e-3 || echo 5e-2)
    worst=$(for where in cpu cuda; do
      sed -n 's/.*"event":"step".*"loss":\([0-9.e+-]*\).*/\1/p' curve.$where >loss.$where
    done
      paste loss.cpu loss.cuda | awk '{d = $1 - $2; d = (d < 0 ? -d : d) / $1; if (d > w) w = d}
        END {printf("%.3g", (NR > 0) ? w : 1)}')
    [ -s loss.cpu ] && [ "$(wc -l <loss.cpu)" = "$(wc -l <loss.cuda)" ] || worst=1
    good=$(awk -v w="$worst" -v t="$tolerance" 'BEGIN {print (w != "" && w + 0 <= t + 0) ? "true" : "false"}')
    [ "$good" = true ] || failed=$((failed + 1))
    say "  $arch $precision: losses of $(wc -l <loss.cpu) steps differ by $worst at most (allowed $tolerance)"
    rows="$rows${rows:+, }{\"arch\": \"$arch\", \"precision\": \"$precision\", \"steps\": $(wc -l <loss.cpu), \"worst\": $worst, \"allowed\": $tolerance, \"good\": $good}"
    printf '| %s | %s | %s | %s | %s |\n' $arch $precision "$worst" "$tolerance" "$([ "$good" = true ] && echo yes || echo '**no**')" >>curves.md
  done
done
part curves "[$rows]"

# Speed, training on synthetic images.
rows=
if [ -z "$quick" ]; then
  for arch in resnet20-cifar preresnet110-cifar revnet110-cifar; do
    for precision in fp32 bf16; do
      for batch in 128 1024; do
        code=0
        resnet-train -q --device "$device" --arch $arch --precision $precision --batch $batch --limit-train 20480 \
          --epochs 60i --eval-on none --json -o speed.h5 --force >speed.json 2>err || code=$?
        rate=$(sed -n 's/.*"images_per_second":\([0-9.e+-]*\).*/\1/p' speed.json)
        say "  $arch $precision, batch $batch: ${rate:-failed} images/s"
        rows="$rows${rows:+, }{\"arch\": \"$arch\", \"precision\": \"$precision\", \"batch\": $batch, \"images_per_second\": ${rate:-null}}"
        printf '| %s | %s | %s | %s |\n' $arch $precision $batch "${rate:-$(head -n 1 err)}" >>speed.md
      done
    done
  done
  check-ops --bench --device "$device" >"$out/check-gpu-ops.txt" 2>&1 || true
fi
part speed "[$rows]"
clocks_after=$(clocks)

{
  printf '{\n  "date": "%s",\n  "version": "%s",\n  "device": "%s",\n  "clocks_before": "%s",\n  "clocks_after": "%s",\n  "quick": %s,\n  "failed": %s' \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(quote "$version")" "$(quote "$about")" "$(quote "$clocks_before")" \
    "$(quote "$clocks_after")" "$([ -n "$quick" ] && echo true || echo false)" $failed
  cat "$json"
  printf '\n}\n'
} >"$out/check-gpu.json"
{
  printf '# check-gpu, %s\n\n%s\n\n' "$(date -u +%Y-%m-%d)" "$version"
  printf 'Device: %s\n\nClocks before: %s\nafter: %s\n\n' "$about" "${clocks_before:-unknown}" "${clocks_after:-unknown}"
  printf '%s\n\n' "$([ $failed = 0 ] && echo 'All is well.' || echo "**$failed checks failed.**")"
  printf '## Ops\n\n| op | good | result |\n|---|---|---|\n'
  cat ops.md
  if [ -s sanitizer.md ]; then
    printf '\n## compute-sanitizer\n\n| tool | op | result |\n|---|---|---|\n'
    cat sanitizer.md
  fi
  printf '\n## Losses beside the CPU\n\n| network | precision | worst | allowed | good |\n|---|---|---|---|---|\n'
  cat curves.md
  if [ -s speed.md ]; then
    printf '\n## Speed: images per second in training\n\n| network | precision | batch | images/s |\n|---|---|---|---|\n'
    cat speed.md
  fi
} >"$out/check-gpu.md"
say "check-gpu: $passed properties of ops hold, $failed checks failed; $out/check-gpu.md"
[ $failed = 0 ]
