#!/bin/bash
# The whole comparison of ringcast with a bare server (make bench-full), in turns, as perf/bench.sh does it, with up to
# 100,000 connections. About half an hour; needs some 8 GiB of disk. Other brokers: perf/peers.
#
#   perf/full.sh [SECTION...]     one event a send: paced, hundred-thousand; as fast as it goes: fast; many streams:
#                                 streams; one event at a time: latency; slow readers: slow; all come at once: storm;
#                                 a long history: replay; producers: ingest, http; stalled and throttled readers beside
#                                 healthy ones: quality; what limits that hold nothing back cost: limits; and, only
#                                 where it is named, the first for BENCH_LONG=10m: steady
#   BENCH_ROUNDS=5 BENCH_SLOW_ROUNDS=9 BENCH_WORKERS=2   are the defaults (one worker a core)
#   BENCH_CONNECTIONS=10000 BENCH_TIME=10s   of quality and steady
# shellcheck disable=SC1091,SC2034,SC2119,SC2154 # what compare.sh sets and reads
set -eu
cd "$(dirname "$0")/.."
source perf/compare.sh

REPLAY_EVENTS=10000000
SLOW_ROUNDS=${BENCH_SLOW_ROUNDS:-9}
QUALITY_CONNECTIONS=${BENCH_CONNECTIONS:-10000}
QUALITY_TIME=${BENCH_TIME:-10s}
STEADY_TIME=${BENCH_LONG:-10m}

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
  heading "1,000 connections, 200 bytes, 100/s; one in ten stalled for good, medians of $SLOW_ROUNDS" "with them" without
  beside "latency p99 of the others, ms" slow none latency_p99_us 0.001 %.2f
  beside "latency p99, without and without" again none latency_p99_us 0.001 %.2f
  alone "resident memory at the most, MiB" slow resident_peak_bytes 0.00000095367431640625 %.1f
}

# What was told to those that are not healthy, beside what the broker counted.
told_rows() {
  alone "events that gaps told of" "$1" events_told_missing 1 %.0f
  alone "events that the broker dropped" "$1" server_dropped 1 %.0f
  alone "events missing, told of" "$1" events_missing_told 1 %.0f
  alone "events missing without a word" "$1" events_missing_untold 1 %.0f
}

UNHEALTHY=(--stalled 0.1 --throttled 0.1 --throttled-query events_per_second=5)
QUALITY_LOAD=(--size 200 --rate 100)

# The healthy eight of ten beside a stalled and a throttled one, and as many alone: twice, for their own spread.
section_quality() {
  local healthy=$((QUALITY_CONNECTIONS * 8 / 10))
  local -a load=("${QUALITY_LOAD[@]}" --duration "$QUALITY_TIME" --warmup 1s)
  start_broker --lag-events 400
  for ((round = 1; round <= rounds; round++)); do
    progress "quality, round $round of $rounds"
    ringcast alone slow --stalled 0 --connections "$healthy" "${load[@]}"
    ringcast quality slow "${UNHEALTHY[@]}" --connections "$QUALITY_CONNECTIONS" "${load[@]}"
    ringcast alone-again slow --stalled 0 --connections "$healthy" "${load[@]}"
  done
  progress_end
  heading "$QUALITY_CONNECTIONS connections, 200 bytes, 100/s; one in ten stalled, one in ten throttled to 5/s" "with them" without
  beside "latency p50 of the healthy, ms" quality alone latency_p50_us 0.001 %.2f
  beside "latency p99 of the healthy, ms" quality alone latency_p99_us 0.001 %.2f
  beside "latency p99, without and without" alone-again alone latency_p99_us 0.001 %.2f
  beside "CPU a healthy delivery, us" quality alone server_cpu_per_delivery_ns 0.001 %.3f
  beside "events a send" quality alone events_per_send 1 %.2f
  beside "resident at the most, MiB" quality alone resident_peak_bytes 0.00000095367431640625 %.1f
  told_rows quality
}

# The same for long: whether the broker's memory stays. Its report is kept.
section_steady() {
  start_broker --lag-events 400 --stall-timeout 0
  # The log's newest 64 MiB lie in memory: all of it is written to first, so that it does not look like growth.
  ringcast filling ingest --size 200 --duration 2s --warmup 0ms
  progress "steady, $STEADY_TIME"
  ringcast steady slow "${UNHEALTHY[@]}" --connections "$QUALITY_CONNECTIONS" "${QUALITY_LOAD[@]}" --duration "$STEADY_TIME" \
    --html "$build/steady.html"
  progress_end
  printf '\nthe same %s for %s, charts in %s\n' "$QUALITY_CONNECTIONS" "$STEADY_TIME" "$build/steady.html"
  alone "latency p99 of the healthy, ms" steady latency_p99_us 0.001 %.2f
  alone "resident in the third quarter, MiB" steady resident_third_quarter_bytes 0.00000095367431640625 %.2f
  alone "resident in the last quarter, MiB" steady resident_last_quarter_bytes 0.00000095367431640625 %.2f
  alone "resident at the most, MiB" steady resident_peak_bytes 0.00000095367431640625 %.2f
  told_rows steady
}

# Token buckets on every connection that never run dry, beside none; and none again.
section_limits() {
  local kind run=ringcast
  local query='events_per_second=1000000&bytes_per_second=1GiB'
  local -a load limited
  start_broker
  if can_count; then run=counted; fi
  for ((round = 1; round <= SLOW_ROUNDS; round++)); do
    for kind in paced fast; do
      progress "limits, round $round of $SLOW_ROUNDS: $kind"
      load=(--connections 1000 --size 200 --duration 2500ms --warmup 0)
      if [ $kind = paced ]; then load+=(--rate 25); fi
      limited=("${load[@]}" --url "$url/streams/{stream}?$query")
      $run "$kind-none" fanout "${load[@]}"
      $run "$kind-limits" fanout "${limited[@]}"
      $run "$kind-again" fanout "${load[@]}"
    done
  done
  progress_end
  for kind in paced fast; do
    heading "1,000 connections, 200 bytes, $kind: ${query/&/, } on each, medians of $SLOW_ROUNDS" "with limits" without
    beside "CPU a delivery, us" "$kind-limits" "$kind-none" server_cpu_per_delivery_ns 0.001 %.3f
    beside "the same, without and without" "$kind-again" "$kind-none" server_cpu_per_delivery_ns 0.001 %.3f
    beside "events a send" "$kind-limits" "$kind-none" events_per_send 1 %.2f
    if [ $run = counted ]; then
      medians "$counter a delivery" "$work/counted-$kind-limits.json" each 1 %.1f "$work/counted-$kind-none.json"
      medians "the same, without and without" "$work/counted-$kind-again.json" each 1 %.1f "$work/counted-$kind-none.json"
    fi
  done
  if [ $run = ringcast ]; then echo "  (this processor does not count $counter)"; fi
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

# POSTs over kept-alive connections, each answered when its event is written; then the same to subscribers.
section_http() {
  local size
  local -a load=(--publish-connections 64 --producers 2 --duration 2s --warmup 300ms)
  start_broker --anonymous all
  for ((round = 1; round <= rounds; round++)); do
    for size in 64 200; do
      progress "http, round $round of $rounds"
      pair "post-$size" ingest 1 --size "$size" --publish "$url" "${load[@]}"
      pair "http-$size" fanout 1 --connections 1000 --size "$size" --publish "$url/streams/{stream}" --rate 25 \
        --duration 2500ms --warmup 500ms
    done
  done
  progress_end
  for size in 64 200; do
    heading "64 connections that publish, a POST of $size bytes at a time (the bare server: reads it and answers)"
    row "requests/s, thousands" "post-$size" events_per_s 0.001 %.1f
    row "CPU a request, us" "post-$size" server_cpu_per_event_us 1 %.2f
    row "a request p50, us" "post-$size" request_p50_us 1 %.0f
    row "a request p99, us" "post-$size" request_p99_us 1 %.0f
    heading "1,000 connections, $size bytes, 25/s, published by POST: one event a send"
    paced_rows "http-$size"
  done
}

sections=("$@")
[ ${#sections[@]} -gt 0 ] || sections=(paced hundred-thousand fast streams latency slow storm replay ingest http quality limits)
for section in "${sections[@]}"; do
  declare -F "section_${section//-/_}" >/dev/null || { echo "full.sh: there is no section $section" >&2; exit 2; }
done
echo "ringcast beside a bare server, $workers workers, medians of $rounds rounds (lowest to highest)"
for section in "${sections[@]}"; do
  "section_${section//-/_}"
done
printf '\n%d s. Every run delivered every event to every healthy subscriber, in order and once.\n' "$SECONDS"
others
