#!/bin/bash
# The command line: publish, subscribe, status, log dump, verify and repair, serve's refusals to start; exit statuses
# and errors (issue 2, Command line).
# timeout: 180
# shellcheck disable=SC1091,SC2153 # what broker.sh sets
source "$(dirname "$0")/broker.sh"

# run COMMAND...: its exit status is in RAN, what it printed in OUT and ERR. Standard input is what is piped in.
run() {
  RAN=0
  timeout 60 "$RINGCAST_BIN" "$@" >"$RC_TMP/out" 2>"$RC_TMP/err" || RAN=$?
  OUT=$(cat "$RC_TMP/out")
  ERR=$(cat "$RC_TMP/err")
}
# succeeds / refused STATUS TEXT COMMAND...: one line of error that holds the text.
succeeds() {
  run "$@"
  [ "$RAN" = 0 ] || fail "exit status $RAN of: $*: $ERR"
  equal "$ERR" "" "errors of: $*"
}
refused() {
  local status=$1 text=$2
  shift 2
  run "$@" </dev/null
  equal "$RAN" "$status" "exit status of: $*: $ERR"
  [[ $ERR == *"$text"* ]] || fail "the error of: $*: $ERR"
  [[ $ERR == ringcast:* ]] || fail "who says it: $ERR"
  equal "$(grep -c . <<<"$ERR")" "$((status == 2 ? $(grep -c . <<<"$ERR") : 1))" "lines of the error of: $*"
}

# --- help and wrong usage ----------------------------------------------------------------------------

for command in serve publish subscribe status vitals 'token make' 'token inspect' 'token key' 'log dump' 'log verify' \
  'log repair'; do
  read -ra words <<<"$command"
  succeeds "${words[@]}" --help
  [[ $OUT == "Usage: ringcast $command"* ]] || fail "help of $command: $OUT"
  refused 2 "there is no option --nonsense" "${words[@]}" --nonsense
done
succeeds --help
[[ $OUT == *"serve "*"publish "*"subscribe "*"status "*"log "* ]] || fail "help: $OUT"
succeeds --version
matches "$OUT" '^ringcast [0-9]+\.[0-9]+\.[0-9]+$' "version"
run
equal "$RAN" 2 "exit status without a command"
refused 2 "did you mean 'publish'" pubish
refused 2 "did you mean --workers" serve --workrs 2
refused 2 "allowed is 1 to 64" serve --workers 65
refused 2 "power of two" serve --segment-bytes 1000000
refused 2 "at least two segments" serve --segment-bytes 64MiB --retention-bytes 100MiB
refused 2 "no operands" serve now

# --- serve's refusals --------------------------------------------------------------------------------

broker_start
other=(--socket "$RC_TMP/other.sock" --data-dir "$RC_TMP/other")
refused 1 "in use by another ringcast, process $BROKER_PID" serve --listen 127.0.0.1:0 --socket "$RC_TMP/other.sock" --data-dir "$DATA"
refused 1 "cannot listen on 127.0.0.1:$PORT" serve --listen "127.0.0.1:$PORT" "${other[@]}"
refused 1 "$SOCKET" serve --listen 127.0.0.1:0 --socket "$SOCKET" --data-dir "$RC_TMP/other"
refused 1 "not.an.address" serve --listen not.an.address:80 "${other[@]}"
refused 1 "" serve --listen 127.0.0.1:0 --socket "$RC_TMP/$(printf 'x%.0s' {1..200})" --data-dir "$RC_TMP/other"
: >"$RC_TMP/file"
refused 1 "$RC_TMP/file" serve --listen 127.0.0.1:0 --socket "$RC_TMP/other.sock" --data-dir "$RC_TMP/file/data"
# What was refused took nothing from the one that runs.
publish '{"stream":"alive","data":"still"}'
refused 1 "" serve --listen 127.0.0.1:0 --socket "$RC_TMP/file/sock" --data-dir "$RC_TMP/other"

# --- publish and subscribe ---------------------------------------------------------------------------

socket=(--socket "$SOCKET")
url=(--url "$URL")
succeeds publish "${socket[@]}" cli/a one 'two words' $'three\nlines'
matches "$OUT" '^id [0-9]+ sequence 3$' "publish's answer"
succeeds publish "${socket[@]}" -v -t text --ack synced cli/a four
matches "$OUT" '^id [0-9]+ sequence 4$' "publish -v"
succeeds publish "${socket[@]}" -q cli/a five
equal "$OUT" "" "publish -q"
printf 'l1\nl2\n\nl4 without end' | succeeds publish "${socket[@]}" cli/lines
succeeds publish "${socket[@]}" -q --json cli/json '{"n": 1}'
succeeds subscribe "${url[@]}" --from earliest --count 5 cli/a
equal "$(cut -d ' ' -f 2- <<<"$OUT")" 'message  one
message  two words
message  three
   lines
text  four
message  five' "subscribe"
succeeds subscribe "${url[@]}" --from earliest --count 4 cli/lines
equal "$(sed 's/^[0-9]* message *//' "$RC_TMP/out")" $'l1\nl2\n\nl4 without end' "lines of standard input"
succeeds subscribe "${url[@]}" --from earliest --count 2 --json cli/a
equal "$(jq -c '[.stream, .sequence, .data]' "$RC_TMP/out" | paste -sd ' ')" '["cli/a",1,"one"] ["cli/a",2,"two words"]' "subscribe --json"
succeeds subscribe "${url[@]}" --from last:1 --count 2 cli/a cli/json
equal "$(cut -d ' ' -f 2- <<<"$OUT")" $'cli/a message  five\ncli/json message  {"n": 1}' "subscribe to two streams"
run subscribe "${url[@]}" --from earliest --count 2 --last-id cli/a
last=${ERR#last id }
succeeds subscribe "${url[@]}" --from "$last" --count 1 cli/a
matches "$OUT" 'message  three' "going on where another ended"

# Many lines, as fast as they go: none is lost, in order.
seq 1 20000 | succeeds publish "${socket[@]}" cli/many
matches "$(cat "$RC_TMP/out")" 'sequence 20000$' "many lines"
succeeds subscribe "${url[@]}" --from earliest --count 20000 cli/many
equal "$(sed 's/.* //' "$RC_TMP/out" | cksum)" "$(seq 1 20000 | cksum)" "many lines, as they come back"

refused 1 "is no JSON" publish "${socket[@]}" --json cli/json '{bad'
refused 1 "UTF-8" publish "${socket[@]}" cli/a $'\xff'
succeeds publish "${socket[@]}" -q --binary cli/binary $'\xff'
refused 2 "STREAM" publish "${socket[@]}"
refused 2 "" publish "${socket[@]}" --ack never cli/a x
refused 2 "at least one stream" subscribe "${url[@]}"
refused 1 "400" subscribe "${url[@]}" --from yesterday cli/a
refused 1 "" subscribe --url http://127.0.0.1:1 cli/a

# Subscribe goes on through a broker that is killed and started again on the same port.
"$RINGCAST_BIN" subscribe "${url[@]}" --from earliest --count 7 cli/a >"$RC_TMP/resumed" 2>"$RC_TMP/resumed.err" &
subscriber=$!
helpers+=("$subscriber")
has_five() { [ "$(grep -c . "$RC_TMP/resumed")" -ge 6 ]; } # one of them has two lines
patiently has_five || fail "no events: $(cat "$RC_TMP/resumed" "$RC_TMP/resumed.err")"
broker_kill
sleep 0.2
RINGCAST_RETRY=100ms broker_start --listen "127.0.0.1:$PORT"
succeeds publish "${socket[@]}" --wait 5s -q cli/a six seven
wait_end "$subscriber"
equal "$ENDED" 0 "exit status of subscribe after --count"
equal "$(cut -d ' ' -f 2- "$RC_TMP/resumed" | tail -n 3 | paste -sd ,)" 'message  five,message  six,message  seven' "resumed"
[[ $(cat "$RC_TMP/resumed.err") == *"connection lost"*"connected again"* ]] || fail "it says so: $(cat "$RC_TMP/resumed.err")"

# --- status ------------------------------------------------------------------------------------------

stream_open watcher '/events?stream=cli/a' -A 'watcher/2'
succeeds status "${socket[@]}"
[[ $OUT == *"writable"*"WORKER"* ]] || fail "status: $OUT"
succeeds status "${socket[@]}" --connections
[[ $OUT == *"$(header watcher Ringcast-Connection-Id)"* && $OUT == *"cli/a"* ]] || fail "connections: $OUT"
succeeds status "${socket[@]}" --streams --prefix cli/m
[[ $OUT == *" 20000 "*"cli/many"* && $OUT != *"cli/a"* ]] || fail "streams: $OUT"
succeeds status "${socket[@]}" --json
equal "$(jq '.log.writable' <<<"$OUT")" true "status --json"
stream_close watcher
[[ $OUT != *$'\e'* ]] || fail "colour without a terminal"

# --- vitals ------------------------------------------------------------------------------------------

run vitals "${socket[@]}" --interval 100ms --count 2
equal "$RAN" 0 "vitals"
succeeds subscribe "${url[@]}" --from earliest --count 2 --json system/cpu
equal "$(jq -s 'all(.[]; .type == "metrics" and (.data.percent | type) == "number")' "$RC_TMP/out")" true "vitals' events"

# --- the log -----------------------------------------------------------------------------------------

succeeds log dump --data-dir "$DATA" --stream cli/a
equal "$(grep -c " cli/a:" <<<"$OUT")" 7 "dump beside a running broker"
[[ $(sed -n 2p <<<"$OUT") == *" cli/a:2 - two words" ]] || fail "dump: $OUT"
succeeds log dump --data-dir "$DATA" --json --from "$((last + 1))" --limit 1 --stream cli/a
equal "$(jq -r .data "$RC_TMP/out")" $'three\nlines' "dump --from --json"
succeeds log verify --data-dir "$DATA"
[[ $OUT == *"no faults"* ]] || fail "verify beside a running broker: $OUT"
refused 1 "in use by another ringcast" log repair --data-dir "$DATA"
succeeds publish "${socket[@]}" -q cli/victim before-the-fault break-me-here after-the-fault
succeeds publish "${socket[@]}" -q cli/victim later
broker_stop
refused 1 "no broker" publish "${socket[@]}" cli/a x
refused 1 "" status "${socket[@]}"
refused 1 "" subscribe "${url[@]}" cli/a
succeeds log verify --data-dir "$DATA"
succeeds log repair --data-dir "$DATA"
[[ $OUT == *"nothing to repair"* ]] || fail "repair of a good log: $OUT"
refused 1 "cannot be opened" log dump --data-dir "$RC_TMP/nothing"
refused 1 "cannot be opened" log verify --data-dir "$RC_TMP/nothing"

# A bit flips on the disk, in the middle of what was synced.
damaged=
for file in "$DATA"/segment-*.log; do
  offset=$(grep -aobF 'break-me-here' "$file" | head -n 1 | cut -d : -f 1)
  [ -n "$offset" ] || continue
  printf 'B' | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
  damaged=$(basename "$file")
done
[ -n "$damaged" ] || fail "the event is in no segment"
run log verify --data-dir "$DATA"
equal "$RAN" 1 "verify of a damaged log: $OUT $ERR"
[[ $OUT$ERR == *"$damaged"* ]] || fail "verify names the file: $OUT $ERR"
run log repair --data-dir "$DATA" --dry-run
run log verify --data-dir "$DATA"
equal "$RAN" 1 "a dry run changes nothing"
run log repair --data-dir "$DATA"
equal "$RAN" 0 "repair: $OUT $ERR"
run log verify --data-dir "$DATA"
equal "$RAN" 0 "verify after repair: $OUT $ERR"
broker_start
succeeds subscribe --url "$URL" --from earliest --count 7 cli/a
matches "$OUT" 'one.*seven' "what was not damaged is all there"
stream_open victim '/streams/cli/victim?from=earliest'
stream_wait victim 'data: later'
stream_close victim
is_in victim 'reak-me-here' && fail "a damaged event is served"
publish '{"stream":"cli/victim","data":"new"}'
[ "$SEQUENCE" -gt 4 ] || fail "sequence $SEQUENCE is given twice"
broker_stop
