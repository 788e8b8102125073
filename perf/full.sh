#!/bin/bash
# The whole comparison of ringcast with a bare server (make bench-full), in turns, as perf/bench.sh does it, with up to
# 100,000 connections. About half an hour; needs some 8 GiB of disk. Other brokers: perf/peers.
#
#   perf/full.sh [SECTION...]     one event a send: paced, hundred-thousand; as fast as it goes: fast; many streams:
#                                 streams; one event at a time: latency; slow readers: slow; all come at once: storm;
#                                 a long history: replay; producers: ingest
#   BENCH_ROUNDS=5 BENCH_WORKERS=2   are the defaults (one worker a core)
# shellcheck disable=SC1091,SC2034,SC2119,SC2154 # what compare.sh sets and reads
set -eu
cd "$(dirname "$0")/.."
source perf/compare.sh

REPLAY_EVENTS=10000000
SLOW_ROUNDS=9

# One event a send, at paces that leave time between them.
section_paced() {
  local size count
  local -A rates=([1000]=25 [10000]=4 [19000]=2)
  start_broker
  for ((round = 1; round <= rounds; round++)); do
    for size in 64 200; do
      for count in 1000 10000 19000; do
        progress "paced, round $round of $rounds: $count connections"
        pair "paced-$count-$size" fanout 1 --connections "$count" --size "$size" --rate "${rates[$count]}" \
          --duration 2500ms --warmup 500ms
      done
    done
  done
  progress_end
  for count in 1000 10000 19000; do
    for size in 64 200; do
      heading "$count connections, $size bytes, ${rates[$count]}/s: one event a send"
      paced_rows "paced-$count-$size"
    done
  done
}

section_hundred_thousand() {
  local size
  start_broker --connections-max 120000 # those of the run before may not be closed yet
  for ((round = 1; round <= rounds; round++)); do
    for size in 64 200; do
      progress "100,000 connections, round $round of $rounds"
      pair "large-$size" fanout 1 --connections 100000 --size "$size" --rate 1 --duration 10s --warmup 1s
    done
  done
  progress_end
  for size in 64 200; do
    heading "100,000 connections, $size bytes, 10 broadcasts, one a second"
    row "time to connect, s" "large-$size" opening_s 1 %.2f
    row "CPU a delivery, us" "large-$size" server_cpu_per_delivery_ns 0.001 %.2f
    row "latency p50, ms" "large-$size" latency_p50_us 0.001 %.0f
    row "latency of the last, ms" "large-$size" latency_max_us 0.001 %.0f
    row "resident a connection, KiB" "large-$size" resident_per_connection_bytes 0.0009765625 %.2f
    row "kernel memory a connection, KiB" "large-$size" kernel_per_connection_bytes 0.0009765625 %.2f
  done
}

section_fast() {
  local size count
  start_broker
  for ((round = 1; round <= rounds; round++)); do
    for size in 64 200; do
      for count in 1000 10000; do
        progress "fast, round $round of $rounds: $count connections"
        pair "fast-$count-$size" fanout 16 --connections "$count" --size "$size" --window 256 --duration 2s \
          --warmup 300ms
      done
    done
  done
  progress_end
  for count in 1000 10000; do
    for size in 64 200; do
      heading "$count connections, $size bytes, as fast as they are received (the bare server: 16 frames a send)"
      fast_rows "fast-$count-$size"
    done
  done
}

section_streams() {
  local size
  start_broker
  for ((round = 1; round <= rounds; round++)); do
    for size in 64 200; do
      progress "streams, round $round of $rounds"
      pair "streams-$size" fanout 1 --connections 10000 --streams 10000 --rate 50000 --size "$size" --duration 2500ms \
        --warmup 500ms
    done
  done
  progress_end
  for size in 64 200; do
    heading "10,000 streams with a subscriber each, $size bytes, 50,000/s over all"
    row "CPU a delivery, us" "streams-$size" server_cpu_per_delivery_ns 0.001 %.2f
    row "latency p50, us" "streams-$size" latency_p50_us 1 %.0f
    row "events a send" "streams-$size" events_per_send 1 %.2f
  done
}

section_latency() {
  start_broker
  floor_workers=1
  for ((round = 1; round <= 2 * rounds; round++)); do
    progress "latency, round $round"
    pair latency latency 1 --duration 1s --warmup 200ms
  done
  floor_workers=$workers
  progress_end
  single_table
}

# The others' latency with one in ten stalled, beside runs without them: twice, so that their own spread shows.
section_slow() {
  local -a load=(--connections 1000 --size 200 --rate 100 --duration 2500ms --warmup 500ms)
  start_broker
  for ((round = 1; round <= SLOW_ROUNDS; round++)); do
    progress "slow, round $round of $SLOW_ROUNDS"
    ringcast none slow --stalled 0 "${load[@]}"
    ringcast slow slow --stalled 0.1 "${load[@]}"
    ringcast again slow --stalled 0 "${load[@]}"
  done
  progress_end
  printf '\n%s\n  %-34s %-26s %-26s %5s\n' "1,000 connections, 200 bytes, 100/s; one in ten stalled for good, medians of $SLOW_ROUNDS" \
    "" "with them" "without" ratio
  local -a rows=("$work/ringcast-slow.json" latency_p99_us 0.001 %.2f "$work/ringcast-none.json")
  medians "latency p99 of the others, ms" "${rows[@]}"
  rows[0]="$work/ringcast-again.json"
  medians "latency p99, without and without" "${rows[@]}"
  alone "resident memory at the most, MiB" slow resident_peak_bytes 0.00000095367431640625 %.1f
}

section_storm() {
  local streams
  start_broker --connections-max 120000
  for ((round = 1; round <= rounds; round++)); do
    for streams in 1 10000; do
      progress "storm, round $round of $rounds: $streams streams"
      pair "storm-$streams" storm 16 --connections 100000 --streams "$streams"
    done
  done
  progress_end
  for streams in 1 10000; do
    heading "100,000 connect at once, $streams streams; are cut, miss 10 events each, and come back at once"
    row "time to connect, s" "storm-$streams" opening_s 1 %.2f
    row "server's CPU for that, s" "storm-$streams" opening_server_cpu_s 1 %.2f
    row "time until all have all again, s" "storm-$streams" elapsed_s 1 %.2f
    row "server's CPU for that, s" "storm-$streams" reconnecting_server_cpu_s 1 %.2f
    row "one's own time, p50, ms" "storm-$streams" catching_up_p50_us 0.001 %.0f
    row "resident memory at the most, MiB" "storm-$streams" resident_peak_bytes 0.00000095367431640625 %.1f
  done
}

section_replay() {
  local streams reuse
  for streams in 1 100; do
    start_broker --retention-bytes 16GiB
    for ((round = 1; round <= rounds; round++)); do
      progress "replay, round $round of $rounds: $streams streams"
      reuse=(--run 7)
      if [ "$round" -gt 1 ]; then reuse+=(--reuse); fi
      ringcast "replay-$streams" replay --events $REPLAY_EVENTS --size 100 --streams "$streams" "${reuse[@]}"
      run "floor-replay-$streams" replay --bare --events $REPLAY_EVENTS --size 100 --streams "$streams" --file "$work/replay" \
        "${reuse[@]}"
    done
    rm -f "$work/replay"
  done
  progress_end
  for streams in 1 100; do
    heading "$REPLAY_EVENTS events of 100 bytes in $streams streams, one of which is read (the bare server: a file of its events alone)"
    row "events read, M/s" "replay-$streams" deliveries_per_s 0.000001 %.2f
    row "MB/s" "replay-$streams" bytes_per_s 0.000001 %.0f
    row "CPU a delivery, us" "replay-$streams" server_cpu_per_delivery_ns 0.001 %.3f
  done
}

section_ingest() {
  start_broker
  for ((round = 1; round <= rounds; round++)); do
    progress "ingest, round $round of $rounds"
    ringcast written ingest --size 64 --duration 2s --warmup 300ms
    ringcast synced ingest --size 64 --ack synced --window 1000 --duration 2s --warmup 300ms
    ringcast long ingest --size 64 --duration 5s --warmup 0ms
  done
  progress_end
  printf '\n%s\n' "one producer through libringcast, 64 bytes, batches of 64"
  alone "written, M events/s" written events_per_s 0.000001 %.2f
  alone "synced, 1000 outstanding, M/s" synced events_per_s 0.000001 %.2f
  alone "resident memory after, MiB" long resident_after_bytes 0.00000095367431640625 %.1f
}

sections=("$@")
[ ${#sections[@]} -gt 0 ] || sections=(paced hundred-thousand fast streams latency slow storm replay ingest)
for section in "${sections[@]}"; do
  declare -F "section_${section//-/_}" >/dev/null || { echo "full.sh: there is no section $section" >&2; exit 2; }
done
echo "ringcast beside a bare server, $workers workers, medians of $rounds rounds (lowest to highest)"
for section in "${sections[@]}"; do
  "section_${section//-/_}"
done
printf '\n%d s. Every run delivered every event to every subscriber, in order and once.\n' "$SECONDS"
others
