#!/bin/bash
# Storms and replays of ringcast (make bench-storm), with its log on, beside those of a bare server, in turns; the table
# shows medians. perf/README.md says what the numbers mean. Minutes.
#
#   BENCH_ROUNDS=5 BENCH_CONNECTIONS=100000 BENCH_STREAMS="1 10000"    are the defaults of the storms
#   BENCH_EVENTS=10000000 BENCH_REPLAY_STREAMS="1 100"                 and of the replays (3 GB of disk each)
# shellcheck disable=SC1091,SC2154 # what rounds.sh sets
set -eu
cd "$(dirname "$0")/.."

. perf/rounds.sh

rounds=${BENCH_ROUNDS:-5}
connections=${BENCH_CONNECTIONS:-100000}
read -ra storms <<<"${BENCH_STREAMS:-1 10000}"
events=${BENCH_EVENTS:-10000000}
read -ra replays <<<"${BENCH_REPLAY_STREAMS:-1 100}"
workers=${BENCH_WORKERS:-$(nproc)}

both() {
  if [ $((round % 2)) = 0 ]; then run "floor-$1" "${floor[@]}"; fi
  ringcast "$1" "${load[@]}"
  if [ $((round % 2)) = 1 ]; then run "floor-$1" "${floor[@]}"; fi
}

start_broker --workers "$workers" --retention-bytes 64GiB
for streams in "${replays[@]}"; do
  load=(replay --events "$events" --streams "$streams" --run "$streams")
  ringcast fill "${load[@]}"
  run fill "${load[@]}" --bare --file "$work/replayed-$streams"
done
for ((round = 1; round <= rounds; round++)); do
  [ ! -t 2 ] || printf '\rround %d of %d, %d s ' "$round" "$rounds" "$SECONDS" >&2
  for streams in "${storms[@]}"; do
    load=(storm --connections "$connections" --streams "$streams")
    floor=("${load[@]}" --bare --workers "$workers")
    both "storm-$streams"
  done
  for streams in "${replays[@]}"; do
    load=(replay --events "$events" --streams "$streams" --run "$streams" --reuse)
    floor=("${load[@]}" --bare --file "$work/replayed-$streams")
    both "replay-$streams"
  done
done
[ ! -t 2 ] || printf '\r\033[K' >&2

echo "ringcast beside a bare server: medians of $rounds rounds (lowest to highest), $SECONDS s"
echo "Every run delivered every event to every subscriber, in order and once."
others
for streams in "${storms[@]}"; do
  heading "$connections subscribers of $streams streams at once"
  row "all connected after, s" "storm-$streams" opening_s 1 %.2f
  row "server's CPU for that, s" "storm-$streams" opening_server_cpu_s 1 %.2f
  row "all back and caught up after, s" "storm-$streams" elapsed_s 1 %.2f
  row "server's CPU for that, s" "storm-$streams" reconnecting_server_cpu_s 1 %.2f
  row "one's time to catch up, p99, ms" "storm-$streams" catching_up_p99_us 0.001 %.0f
done
for streams in "${replays[@]}"; do
  heading "one subscriber reads one of $streams streams that $events events went to in turn"
  row "events, M/s" "replay-$streams" deliveries_per_s 0.000001 %.2f
  row "MB/s" "replay-$streams" bytes_per_s 0.000001 %.0f
  row "server's CPU an event, us" "replay-$streams" server_cpu_per_delivery_ns 0.001 %.3f
done
