#!/bin/bash
# Whether some can starve the others: the latency of ordinary streams while one other stream is flooded as fast as its
# subscribers receive it (stream), one producer floods the log as fast as it is acknowledged (producer), one
# connection reads a long history again and again (replay), or all of them at once (all), each beside the same without, in
# turns. A few minutes. On few cores the load of these generators is in the figures too; they run at the lowest priority.
#
#   perf/fairness.sh [stream|producer|replay|all...]
#   BENCH_ROUNDS=5 BENCH_CONNECTIONS=1000 BENCH_SECONDS=4 BENCH_HISTORY=1000000 BENCH_WORKERS=2   are the defaults
# shellcheck disable=SC1091,SC2034,SC2119,SC2154 # what compare.sh sets and reads
set -eu
cd "$(dirname "$0")/.."
source perf/compare.sh

HISTORY=${BENCH_HISTORY:-1000000}
CONNECTIONS=${BENCH_CONNECTIONS:-1000}
SECONDS_EACH=${BENCH_SECONDS:-4}
STREAMS=10
disturbers=()

# disturb NAME MODE ARGUMENT...: a run beside the measured one, for longer than that takes.
disturb() {
  wrapper=(nice -n 19)
  ringcast "$@" &
  disturbers+=($!)
  wrapper=()
}

read_again_and_again() {
  wrapper=(nice -n 19)
  until [ -e "$work/calm" ]; do
    ringcast by-replay replay --events "$HISTORY" --run 7 --reuse
  done
}

disturb_stream() {
  disturb by-stream fanout --stream flooded --connections 10 --size 200 --window 256 --duration "$((SECONDS_EACH + 2))s" --warmup 0
}

disturb_producer() {
  disturb by-producer ingest --stream filled --size 64 --duration "$((SECONDS_EACH + 2))s" --warmup 0
}

disturb_replay() {
  read_again_and_again &
  disturbers+=($!)
}

disturb_all() {
  disturb_stream
  disturb_producer
  disturb_replay
}

# They must have lasted until now, and end well.
calm() {
  local pid
  for pid in "${disturbers[@]}"; do
    kill -0 "$pid" || fail "what was to disturb ended early" /dev/null
  done
  touch "$work/calm"
  for pid in "${disturbers[@]}"; do
    wait "$pid" || fail "what disturbed was disturbed" /dev/null
  done
  rm "$work/calm"
  disturbers=()
}

# A broker of its own each time: the floods fill its disk.
measure() {
  local kind=$1
  local -a load=(--stream 'ordinary/{number}' --streams "$STREAMS" --connections "$CONNECTIONS" --size 200 --rate 100 --duration "${SECONDS_EACH}s"
    --warmup 500ms)
  start_broker --retention-bytes 16GiB
  if [ "$kind" = replay ] || [ "$kind" = all ]; then
    ringcast history replay --events "$HISTORY" --run 7
  fi
  ringcast "$kind-calm" fanout "${load[@]}"
  "disturb_$kind"
  sleep 0.5
  ringcast "$kind" fanout "${load[@]}"
  calm
}

declare -A titles=(
  [stream]="one other stream flooded as fast as its 10 subscribers receive it"
  [producer]="one producer floods the log as fast as it is acknowledged"
  [replay]="one connection reads $HISTORY events of history again and again"
  [all]="all of these at once"
)
kinds=("$@")
[ ${#kinds[@]} -gt 0 ] || kinds=(stream producer replay all)
for kind in "${kinds[@]}"; do
  [ -n "${titles[$kind]:-}" ] || { echo "fairness.sh: there is no $kind" >&2; exit 2; }
done
for ((round = 1; round <= rounds; round++)); do
  for kind in "${kinds[@]}"; do
    progress "fairness, round $round of $rounds: $kind"
    measure "$kind"
  done
done
progress_end
echo "$CONNECTIONS subscribers on $STREAMS streams, 200 bytes, 100/s over all, $workers workers, medians of $rounds rounds" \
  "(lowest to highest), $SECONDS s. Every event arrived, in order and once."
for kind in "${kinds[@]}"; do
  heading "${titles[$kind]}" "with it" without
  beside "latency p50, ms" "$kind" "$kind-calm" latency_p50_us 0.001 %.2f
  beside "latency p99, ms" "$kind" "$kind-calm" latency_p99_us 0.001 %.2f
  beside "latency at the most, ms" "$kind" "$kind-calm" latency_max_us 0.001 %.2f
  beside "published late, p99, ms" "$kind" "$kind-calm" lateness_p99_us 0.001 %.2f
done
printf '\nwhat disturbed, in all of these\n'
for row in "stream, M deliveries/s:by-stream deliveries_per_s" "producer, M events/s:by-producer events_per_s" \
  "replay, M events/s:by-replay deliveries_per_s"; do
  read -r name key <<<"${row#*:}"
  [ ! -e "$work/ringcast-$name.json" ] || alone "${row%:*}" "$name" "$key" 0.000001 %.2f
done
