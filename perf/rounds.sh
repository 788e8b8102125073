# What bench.sh and storm.sh share: a broker, runs of ringcast-bench whose JSON is kept by name, a table of
# medians. To be sourced from the repository's root with `set -eu`; ends the broker when the shell ends.
# shellcheck shell=bash

build=${RINGCAST_BUILD:-$PWD/build}
broker_program=${RINGCAST_BIN:-$build/ringcast}
bench=$build/ringcast-bench
if [ ! -x "$bench" ] || [ ! -x "$broker_program" ]; then
  echo "bench: not built yet: make bench-programs all" >&2
  exit 2
fi

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

# start_broker FLAG...
start_broker() {
  "$broker_program" serve --listen 127.0.0.1:0 --socket "$sockets/socket" --data-dir "$work/data" \
    "$@" >"$work/broker.log" 2>&1 &
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

# Prints what others used meanwhile, by the runs' own account.
others() {
  awk '{ at = index($0, key); others = substr($0, at + length(key)) + 0; sum += others }
    others > most { most = others }
    END { printf "Other processes used %.2f cores meanwhile, in the worst run %.2f.\n", sum / NR, most }' \
    key='"others_cpu_cores":' "$work"/*-*.json
}
