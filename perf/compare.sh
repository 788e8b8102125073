# Sourced by bench.sh, full.sh and fairness.sh: a broker with its log on, runs of ringcast-bench against it and
# against the bare server in turns, and rows of medians with their ratio.
# shellcheck shell=bash disable=SC2034,SC2119,SC2120 # variables that the scripts read, optional arguments

build=${RINGCAST_BUILD:-$PWD/build}
broker_program=${RINGCAST_BIN:-$build/ringcast}
bench=$build/ringcast-bench
rounds=${BENCH_ROUNDS:-5}
workers=${BENCH_WORKERS:-$(nproc)}
if [ ! -x "$bench" ] || [ ! -x "$broker_program" ]; then
  echo "not built yet: make all bench-programs" >&2
  exit 2
fi

work=$(mktemp -d "$build/bench.XXXXXX")
sockets=$(mktemp -d "${TMPDIR:-/tmp}/ringcast-bench.XXXXXX") # a Unix socket's path is short
broker=
url=
round=1
floor_workers=$workers
wrapper=() # what ringcast-bench is run by
counter=${BENCH_COUNTER:-instructions:u}

stop_broker() {
  if [ -n "$broker" ]; then
    kill "$broker" 2>/dev/null || true
    wait "$broker" 2>/dev/null || true
    broker=
    rm -rf "$work/data"
  fi
}

clean_up() {
  stop_broker
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

# start_broker [FLAG...]: a new one, with an empty log.
start_broker() {
  stop_broker
  : >"$work/broker.log" # not to find the one before in it
  "$broker_program" serve --listen 127.0.0.1:0 --admin-listen none --socket "$sockets/socket" --data-dir "$work/data" \
    --workers "$workers" "$@" >"$work/broker.log" 2>&1 &
  broker=$!
  for _ in {1..100}; do
    url=$(grep -oE -m 1 'http://127\.0\.0\.1:[0-9]+' "$work/broker.log" || true)
    if [ -n "$url" ] && [ -S "$sockets/socket" ]; then return; fi
    kill -0 "$broker" 2>/dev/null || break
    sleep 0.1
  done
  fail "the broker did not start" "$work/broker.log"
}

# run NAME ARGUMENT...: one run of ringcast-bench; its line of JSON goes to the file of its name.
run() {
  local name=$1
  shift
  "${wrapper[@]}" "$bench" "$@" --json >>"$work/$name.json" 2>"$work/$name.log" || fail "$name" "$work/$name.log"
}

# ringcast NAME MODE ARGUMENT...: a run against the broker.
ringcast() {
  local name=$1 mode=$2
  shift 2
  run "ringcast-$name" "$mode" --url "$url" --publish "unix:$sockets/socket" --pid "$broker" "$@"
}

# Whether the processor counts that, which virtual ones often do not.
can_count() {
  perf stat -x\; -e "$counter" -o "$work/count" true 2>/dev/null && grep -qE '^[0-9]' "$work/count"
}

# counted NAME MODE ARGUMENT...: as ringcast; what the broker counted meanwhile, a delivery, goes to the file counted-NAME.
counted() {
  local count deliveries
  wrapper=(perf stat -x\; -e "$counter" -p "$broker" -o "$work/count" --)
  ringcast "$@"
  wrapper=()
  count=$(grep -oE -m 1 '^[0-9.]+' "$work/count")
  deliveries=$(tail -n 1 "$work/ringcast-$1.json" | grep -oE '"deliveries":[0-9]+' | head -n 1)
  awk -v count="$count" -v deliveries="${deliveries#*:}" \
    'BEGIN { printf "{\"each\":%.3f}\n", count / deliveries }' >>"$work/counted-$1.json"
}

# pair NAME MODE COALESCE ARGUMENT...: the broker and the bare server, in turns first.
pair() {
  local name=$1 mode=$2 coalesce=$3
  shift 3
  local -a floor=("floor-$name" "$mode" --bare --workers "$floor_workers" --coalesce "$coalesce" "$@")
  if [ $((round % 2)) = 0 ]; then run "${floor[@]}"; fi
  ringcast "$name" "$mode" "$@"
  if [ $((round % 2)) = 1 ]; then run "${floor[@]}"; fi
}

# medians LABEL FILE KEY FACTOR FORMAT [OTHER]: medians with the lowest and highest of the rounds; of both files,
# and their ratio, where a second one is given.
medians() {
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
    FNR == NR { first[++count] = value($0); next }
    { second[++others] = value($0) }
    END {
      sort(first, count)
      if (others == 0) {
        printf "  %-34s %s\n", label, span(first, count)
        exit
      }
      sort(second, others)
      divisor = median(second, others)
      ratio = divisor > 0 ? sprintf("%.2f", median(first, count) / divisor) : "-"
      printf "  %-34s %-26s %-26s %5s\n", label, span(first, count), span(second, others), ratio
    }' "$2" ${6:+"$6"}
}

# row LABEL NAME KEY FACTOR FORMAT: the broker beside the bare server.
row() {
  medians "$1" "$work/ringcast-$2.json" "$3" "$4" "$5" "$work/floor-$2.json"
}

# alone LABEL NAME KEY FACTOR FORMAT: the broker, where there is nothing to compare with.
alone() {
  medians "$1" "$work/ringcast-$2.json" "$3" "$4" "$5"
}

# beside LABEL NAME OTHER KEY FACTOR FORMAT: two kinds of runs against the broker.
beside() {
  medians "$1" "$work/ringcast-$2.json" "$4" "$5" "$6" "$work/ringcast-$3.json"
}

# heading TITLE [FIRST SECOND]: what stands in the columns.
heading() {
  printf '\n%s\n  %-34s %-26s %-26s %5s\n' "$1" "" "${2:-ringcast}" "${3:-bare server}" ratio
}

# Rows of what bench.sh and full.sh both run. paced_rows NAME, fast_rows NAME:
paced_rows() {
  row "CPU a delivery, us" "$1" server_cpu_per_delivery_ns 0.001 %.2f
  row "latency p50, ms" "$1" latency_p50_us 0.001 %.2f
  row "latency p99, ms" "$1" latency_p99_us 0.001 %.2f
  row "events a send" "$1" events_per_send 1 %.2f
}

fast_rows() {
  row "deliveries, M/s" "$1" deliveries_per_s 0.000001 %.2f
  row "CPU a delivery, us" "$1" server_cpu_per_delivery_ns 0.001 %.3f
  row "events a send" "$1" events_per_send 1 %.1f
}

single_table() {
  heading "one event at a time to one subscriber (the bare server: one thread that passes it on)"
  row "latency p50, us" latency latency_p50_us 1 %.0f
  row "latency p99, us" latency latency_p99_us 1 %.0f
}

# What else the machine did meanwhile.
others() {
  awk '{ at = index($0, key) } at > 0 { used = substr($0, at + length(key)) + 0; sum += used; runs++ }
    used > most { most = used }
    END { printf "Other processes used %.2f cores meanwhile, in the worst run %.2f.\n", sum / runs, most }' \
    key='"others_cpu_cores":' "$work"/*-*.json
}

progress() {
  [ ! -t 2 ] || printf '\r\033[K%s, %d s ' "$1" "$SECONDS" >&2
}

progress_end() {
  [ ! -t 2 ] || printf '\r\033[K' >&2
}
