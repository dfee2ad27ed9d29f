#!/bin/sh
# usage: check-gpu.sh [-o DIR] [--bin DIR] [--device cuda[:N]] [--quick] [--only PART,...] [--archs NAME,...]
#                     [--peers eager,compiled|none]
# Looks whether the GPU does what the CPU does: every op's cases, compute-sanitizer over them where there
# is one, two short trainings whose loss curves must be the CPU's, and how fast networks are trained and
# evaluated, beside PyTorch where $PYTHON (python3) has it. From a build (make check-gpu) or from a bundle.
# Writes DIR/check-gpu.json and DIR/check-gpu.md. Exit 0 if all is well, 1 if something is not, 4 without a
# device. --quick: few ops, no sanitizer, no speed. --only: some of ops, sanitizer, curves, speed, bench
# (times of single ops, which take minutes), profile (kernels of a step by ncu; only when named). --archs:
# of the speeds. --peers: how PyTorch runs; compiled (max-autotune) takes minutes for each line.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$here/bin
out=.
device=cuda
quick=
only=ops,sanitizer,curves,speed,bench
archs=resnet20-cifar,resnet110-cifar,preresnet110-cifar,revnet110-cifar,resnet50
peers=eager,compiled
while [ $# -gt 0 ]; do
  case $1 in
  -o) out=$2 && shift ;;
  --bin) bin=$2 && shift ;;
  --device) device=$2 && shift ;;
  --quick) quick=1 ;;
  --only) only=$2 && shift ;;
  --archs) archs=$2 && shift ;;
  --peers) peers=$2 && shift ;;
  *)
    echo "check-gpu: unknown option '$1'; usage: check-gpu.sh [-o DIR] [--bin DIR] [--device D] [--quick]" \
      "[--only PART,...] [--archs NAME,...] [--peers eager,compiled|none]" >&2
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

wants() { # wants PART
  case ,$only, in *,"$1",*) return 0 ;; esac
  return 1
}
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
wants ops || ops=
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
wants sanitizer && [ -z "$ops" ] && ops=$(check-ops --list | awk '{print $1}' | sort -u)
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null || true)
rows=
if [ -n "$sanitizer" ] && [ -z "$quick" ] && wants sanitizer; then
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
  wants curves || break
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

# Speed, on random images that are on the device already.
rows=
peer=
for folder in "$here/bench" "$here/../tests/bench"; do
  [ -z "$peer" ] && [ -f "$folder/peer_rate.py" ] && peer=$folder/peer_rate.py
done
value() { # value KEY FILE: of a JSON object in one line
  sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p; s/.*\"$1\": \([0-9.e+-][0-9.e+-]*\).*/\1/p" "$2"
}
speed() { # speed ARCH PRECISION BATCH
  code=0
  bench-train "$1" "$3" 20 1 "$2" "$device" >speed.json 2>err || code=$?
  : >peer.json
  # What is of PyTorch is left out where there is none, or no such network.
  case $1 in revnet*) ;; *)
    [ "$peers" = none ] || [ -z "$peer" ] || PYTHONDONTWRITEBYTECODE=1 "${PYTHON:-python3}" "$peer" \
      "$1" "$3" "$2" "$device" --modes "$peers" >peer.json 2>peer.err || : >peer.json ;;
  esac
  for what in train eval; do
    rate=$(value ${what}_images_per_second speed.json)
    theirs=$(value ${what}_images_per_second peer.json) which=$(value ${what}_which peer.json)
    ratio=$([ -z "$rate" ] || [ -z "$theirs" ] || awk -v a="$rate" -v b="$theirs" 'BEGIN {printf("%.2f", a / b)}')
    say "  $1 $2, batch $3, $what: ${rate:-failed} images/s${theirs:+; PyTorch $theirs ($which)}"
    rows="$rows${rows:+, }{\"arch\": \"$1\", \"precision\": \"$2\", \"batch\": $3, \"what\": \"$what\", \"images_per_second\": ${rate:-null}, \"pytorch\": ${theirs:-null}, \"pytorch_which\": \"$which\", \"ratio\": ${ratio:-null}}"
    printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "$1" "$2" "$3" $what "${rate:-$(head -n 1 err)}" \
      "$theirs" "$which" "$ratio" >>speed.md
  done
}
if [ -z "$quick" ] && wants speed; then
  for arch in $(echo "$archs" | tr , ' '); do
    for precision in fp32 bf16; do
      case $arch in
      *-cifar) batches="128 1024" ;;
      *) batches=256 ;;
      esac
      for batch in ${BATCHES:-$batches}; do speed "$arch" $precision "$batch"; done
    done
  done
  # With data read, augmented and copied.
  for precision in fp32 bf16; do
    resnet-train -q --device "$device" --arch resnet20-cifar --precision $precision --limit-train 20480 --pad 4 --flip \
      --epochs 60i --eval-on none --json -o speed.h5 --force >speed.json 2>err || :
    rate=$(sed -n 's/.*"images_per_second":\([0-9.e+-]*\).*/\1/p' speed.json)
    say "  resnet-train, resnet20-cifar $precision: ${rate:-failed} images/s"
    printf '| resnet-train, resnet20-cifar | %s | 128 | train | %s | | | |\n' $precision "${rate:-$(head -n 1 err)}" >>speed.md
  done
fi
# Kernels of two steps and evaluations, by time, where Nsight Compute is.
ncu=$(command -v ncu || ls /usr/local/cuda/bin/ncu 2>/dev/null || true)
profile() { # profile PRECISION BATCH
  program=$bin/bench-train
  [ ! -x "$bin/../libexec/bench-train" ] || program=$bin/../libexec/bench-train
  LD_LIBRARY_PATH="$bin/../lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" timeout 300 "$ncu" --clock-control none --csv \
    --page raw --metrics gpu__time_duration.sum,dram__bytes.sum,launch__registers_per_thread "$program" \
    resnet20-cifar "$2" 1 1 "$1" "$device" >ncu.csv 2>ncu.err || {
    say "  profile: $(tail -n 1 ncu.err)"
    return 0
  }
  # Every field is in quotes; the units are in the row below the names.
  awk -v about="$1, batch $2" '
    function scale(unit, i) { i = index("pnum", substr(unit, 1, 1)); return unit ~ /^s/ ? 1e6 : 10 ^ (3 * i - 9) }
    function many(unit, i) { i = index("KMGT", substr(unit, 1, 1)); return 10 ^ (3 * i) }
    function number(text) { gsub(/,/, "", text); return text + 0 }
    !/^"/ { next }
    { sub(/^"/, ""); sub(/"\r?$/, ""); n = split($0, f, /","/); row++ }
    row == 1 { for (i = 1; i <= n; i++) at[f[i]] = i; t = at["gpu__time_duration.sum"]; d = at["dram__bytes.sum"]; next }
    row == 2 { us = scale(f[t]); of_bytes = many(f[d]); next }
    { k = f[at["Kernel Name"]]
      gsub(/rn::ops::cuda::|rn::|\(anonymous namespace\)::|^void /, "", k)
      gsub(/\([A-Za-z_:]+\)/, "", k)  # (int)16
      sub(/\(.*/, "", k)
      count[k]++; time[k] += us * number(f[t]); all += us * number(f[t])
      bytes[k] += of_bytes * number(f[d]); registers[k] = f[at["launch__registers_per_thread"]] }
    END { for (k in time) printf "%.4f\t| %s | `%s` | %d | %.2f | %.1f | %.0f | %s |\n", time[k], about, k, count[k],
      time[k] / count[k], 100 * time[k] / all, bytes[k] / time[k] / 1e3, registers[k] }' ncu.csv |
    sort -rn | cut -f2- | head -n 25 >>profile.md
}
if [ -z "$quick" ] && wants profile; then
  if [ -z "$ncu" ]; then
    say "  profile: no ncu here"
  else
    for precision in bf16 fp32; do
      for batch in ${BATCHES:-128 1024}; do profile $precision "$batch"; done
    done
  fi
fi
if [ -z "$quick" ] && wants bench; then
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
  if [ -s ops.md ]; then
    printf '## Ops\n\n| op | good | result |\n|---|---|---|\n'
    cat ops.md
  fi
  if [ -s sanitizer.md ]; then
    printf '\n## compute-sanitizer\n\n| tool | op | result |\n|---|---|---|\n'
    cat sanitizer.md
  fi
  if [ -s curves.md ]; then
    printf '\n## Losses beside the CPU\n\n| network | precision | worst | allowed | good |\n|---|---|---|---|---|\n'
    cat curves.md
  fi
  if [ -s speed.md ]; then
    printf '\n## Speed: images per second\n\n%s\n\n| network | precision | batch | | images/s | PyTorch | which | ratio |\n|---|---|---:|---|---:|---:|---|---:|\n' \
      "PyTorch $(value torch peer.json), fp32 without TF32, bf16 by autocast; the faster of both memory layouts."
    cat speed.md
  fi
  if [ -s profile.md ]; then
    printf '\n## Kernels of resnet20-cifar by time\n\n| | kernel | launches | us each | %% | GB/s | registers |\n|---|---|---:|---:|---:|---:|---:|\n'
    cat profile.md
  fi
} >"$out/check-gpu.md"
say "check-gpu: $passed properties of ops hold, $failed checks failed; $out/check-gpu.md"
[ $failed = 0 ]
