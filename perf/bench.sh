#!/bin/bash
# The short benchmark (make bench): ringcast, with its log on and events acknowledged as written, beside a
# bare server that does nothing but send(), over the same sockets in the same run. The two take turns, and
# the table shows medians. perf/README.md says what the numbers mean. Under 3 minutes.
#
#   BENCH_ROUNDS=5 BENCH_CONNECTIONS=1000 BENCH_TIME=1500ms BENCH_WORKERS=2   are the defaults (one worker a core)
set -eu
cd "$(dirname "$0")/.."

build=${RINGCAST_BUILD:-$PWD/build}
broker_program=${RINGCAST_BIN:-$build/ringcast}
bench=$build/ringcast-bench
rounds=${BENCH_ROUNDS:-5}
connections=${BENCH_CONNECTIONS:-1000}
duration=${BENCH_TIME:-1500ms}
workers=${BENCH_WORKERS:-$(nproc)}

work=$(mktemp -d "$build/bench.XXXXXX")
sockets=$(mktemp -d "${TMPDIR:-/tmp}/ringcast-bench.XXXXXX") # a Unix socket's path is short
broker=
clean_up() {
  if [ -n "$broker" ]; then
    kill "$broker" 2>/dev/null || true
    wait "$broker" 2>/dev/null || true
  fi
  rm -rf "$work" "$sockets"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "bench: $1" >&2
  cat "$2" >&2
  exit 1
}

start_broker() {
  "$broker_program" serve --listen 127.0.0.1:0 --socket "$sockets/socket" --data-dir "$work/data" \
    --workers "$workers" >"$work/broker.log" 2>&1 &
  broker=$!
  for _ in {1..100}; do
    url=$(grep -oE -m 1 'http://127\.0\.0\.1:[0-9]+' "$work/broker.log" || true)
    if [ -n "$url" ] && [ -S "$sockets/socket" ]; then return; fi
    kill -0 "$broker" 2>/dev/null || break
    sleep 0.1
  done
  fail "the broker did not start" "$work/broker.log"
}

# One run; its line of JSON goes to the file of its name.
run() {
  local name=$1
  shift
  "$bench" "$@" --json >>"$work/$name.json" 2>"$work/run.log" || fail "$name" "$work/run.log"
}

ringcast() {
  local name=$1 mode=$2
  shift 2
  run "ringcast-$name" "$mode" --url "$url" --publish "unix:$sockets/socket" --pid "$broker" "$@"
}

# Both, in turns first.
pair() {
  local name=$1 mode=$2 coalesce=$3
  shift 3
  local -a floor=("floor-$name" "$mode" --bare --workers "$floor_workers" --coalesce "$coalesce" "$@")
  if [ $((round % 2)) = 0 ]; then run "${floor[@]}"; fi
  ringcast "$name" "$mode" "$@"
  if [ $((round % 2)) = 1 ]; then run "${floor[@]}"; fi
}

# row LABEL NAME KEY FACTOR FORMAT: medians, the lowest and highest of the rounds, and their ratio.
row() {
  awk -v label="$1" -v key="\"$3\":" -v factor="$4" -v format="$5" '
    function value(line) {
      at = index(line, key)
      return at == 0 ? 0 : substr(line, at + length(key)) * factor
    }
    function sort(list, count,   i, j, kept) {
      for (i = 2; i <= count; i++) {
        kept = list[i]
        for (j = i - 1; j >= 1 && list[j] > kept; j--) list[j + 1] = list[j]
        list[j + 1] = kept
      }
    }
    function median(list, count) {
      return count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
    }
    function span(list, count) {
      return sprintf(format " (" format " to " format ")", median(list, count), list[1], list[count])
    }
    FNR == NR { ours[++count] = value($0); next }
    { bare[++others] = value($0) }
    END {
      sort(ours, count); sort(bare, others)
      floor = median(bare, others)
      ratio = floor > 0 ? sprintf("%.2f", median(ours, count) / floor) : "-"
      printf "  %-34s %-26s %-26s %5s\n", label, span(ours, count), span(bare, others), ratio
    }' "$work/ringcast-$2.json" "$work/floor-$2.json"
}

heading() {
  printf '\n%s\n  %-34s %-26s %-26s %5s\n' "$1" "" ringcast "bare server" ratio
}

if [ ! -x "$bench" ] || [ ! -x "$broker_program" ]; then
  echo "bench: not built yet: make bench" >&2
  exit 2
fi
start_broker
began=$SECONDS
for ((round = 1; round <= rounds; round++)); do
  [ ! -t 2 ] || printf '\rround %d of %d, %d s ' "$round" "$rounds" $((SECONDS - began)) >&2
  floor_workers=$workers
  for size in 64 200; do
    load=(--connections "$connections" --size "$size" --duration "$duration" --warmup 300ms)
    pair "paced-$size" fanout 1 "${load[@]}" --rate 25
    pair "fast-$size" fanout 16 "${load[@]}" --window 256
  done
  floor_workers=1
  pair latency latency 1 --duration 1s --warmup 200ms
done
[ ! -t 2 ] || printf '\r\033[K' >&2

echo "ringcast beside a bare server: $connections subscribers on one stream, $workers workers, medians of $rounds" \
  "rounds (lowest to highest), ${SECONDS} s"
echo "Every run delivered every event to every subscriber, in order and once."
awk '{ at = index($0, key); others = substr($0, at + length(key)) + 0; sum += others }
  others > most { most = others }
  END { printf "Other processes used %.2f cores meanwhile, in the worst run %.2f.\n", sum / NR, most }' \
  key='"others_cpu_cores":' "$work"/*-*.json
for size in 64 200; do
  heading "events of $size bytes, 25/s: one event a send"
  row "CPU a delivery, us" "paced-$size" server_cpu_per_delivery_ns 0.001 %.2f
  row "latency p50, ms" "paced-$size" latency_p50_us 0.001 %.2f
  row "latency p99, ms" "paced-$size" latency_p99_us 0.001 %.2f
  row "events a send" "paced-$size" events_per_send 1 %.2f
  row "CPU a send, us" "paced-$size" server_cpu_per_send_ns 0.001 %.2f
  heading "events of $size bytes, as fast as they are received (the bare server: 16 frames a send)"
  row "deliveries, M/s" "fast-$size" deliveries_per_s 0.000001 %.2f
  row "CPU a delivery, us" "fast-$size" server_cpu_per_delivery_ns 0.001 %.3f
  row "events a send" "fast-$size" events_per_send 1 %.1f
done
heading "one event at a time to one subscriber (the bare server: one thread that passes it on)"
row "latency p50, us" latency latency_p50_us 1 %.0f
row "latency p99, us" latency latency_p99_us 1 %.0f
