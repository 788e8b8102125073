#!/bin/bash
# The short benchmark (make bench): ringcast, with its log on and events acknowledged as written, beside a
# bare server that does nothing but send(), over the same sockets in the same run. The two take turns, and
# the table shows medians. perf/README.md says what the numbers mean. Under 3 minutes.
#
#   BENCH_ROUNDS=5 BENCH_CONNECTIONS=1000 BENCH_TIME=1500ms BENCH_WORKERS=2   are the defaults (one worker a core)
# shellcheck disable=SC1091,SC2034,SC2119,SC2154 # what compare.sh sets and reads
set -eu
cd "$(dirname "$0")/.."
source perf/compare.sh

connections=${BENCH_CONNECTIONS:-1000}
duration=${BENCH_TIME:-1500ms}

start_broker
for ((round = 1; round <= rounds; round++)); do
  progress "round $round of $rounds"
  floor_workers=$workers
  for size in 64 200; do
    load=(--connections "$connections" --size "$size" --duration "$duration" --warmup 300ms)
    pair "paced-$size" fanout 1 "${load[@]}" --rate 25
    pair "fast-$size" fanout 16 "${load[@]}" --window 256
  done
  floor_workers=1
  pair latency latency 1 --duration 1s --warmup 200ms
done
progress_end

echo "ringcast beside a bare server: $connections subscribers on one stream, $workers workers, medians of $rounds" \
  "rounds (lowest to highest), ${SECONDS} s"
echo "Every run delivered every event to every subscriber, in order and once."
others
for size in 64 200; do
  heading "events of $size bytes, 25/s: one event a send"
  paced_rows "paced-$size"
  row "CPU a send, us" "paced-$size" server_cpu_per_send_ns 0.001 %.2f
  heading "events of $size bytes, as fast as they are received (the bare server: 16 frames a send)"
  fast_rows "fast-$size"
done
single_table
