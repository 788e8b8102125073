#!/bin/bash
# The disk is full: what was acknowledged stays, publishers are told so, subscribers are served; and once there is room
# again, it goes on without a restart (mission B6, B7, G5; architecture, invariant 6).
# timeout: 120
# shellcheck disable=SC1091,SC2034,SC2153 # what broker.sh sets
source "$(dirname "$0")/broker.sh"

# A small disk of its own, seen by the broker alone (and here through /proc).
unshare=(unshare --mount)
[ "$(id -u)" = 0 ] || unshare+=(--map-root-user)
# shellcheck disable=SC2016 # for the inner shell
small_disk='mkdir -p "$0" && mount -t tmpfs -o size=20m none "$0" && exec "$@"'
if ! "${unshare[@]}" sh -c "$small_disk" "$RC_TMP/probe" true 2>/dev/null; then
  echo "skipped: a file system cannot be mounted here"
  exit 0
fi
BROKER_LAUNCHER=("${unshare[@]}" sh -c "$small_disk" "$DATA")
broker_start --segment-bytes 4MiB --retention-bytes 64MiB --event-bytes-max 64KiB --tail-bytes 16MiB
disk=/proc/$BROKER_PID/root$DATA
stream_open watcher /streams/full

# Events of 32 KiB, one answer each, until one is refused; then some more, that are refused too.
event=$(head -c 32768 /dev/zero | tr '\0' x)
for ((i = 1; i <= 800; i++)); do printf '{"stream":"full","data":"%d %s","ref":%d}\n' "$i" "$event" "$i"; done >"$RC_TMP/events"
timeout 100 socat -t 60 - "UNIX-CONNECT:$SOCKET" <"$RC_TMP/events" >"$RC_TMP/answers"
equal "$(jq -s 'map(.ref) == [range(1; 801)]' "$RC_TMP/answers")" true "an answer to each"
good=$(jq -s 'map(select(.id)) | length' "$RC_TMP/answers")
((good > 200 && good < 640)) || fail "$good events fit on a disk of 20 MiB"
equal "$(jq -r 'select(.error) | .error' "$RC_TMP/answers" | sort -u)" log_error "how the others are refused"
equal "$(jq -s "map(select(.id)) | map(.sequence) == [range(1; $good + 1)]" "$RC_TMP/answers")" true "those that were taken"
status=$(lines '{"op":"status"}')
equal "$(jq .log.writable <<<"$status")" false "writable"
matches "$(jq -r .log.fault <<<"$status")" '[Ss]pace' "the fault"
grep -qi 'space' "$BROKER_LOG" || fail "it does not say so"
[ "$(wc -l <"$BROKER_LOG")" -lt 100 ] || fail "it says so $(wc -l <"$BROKER_LOG") times"

# Everything that was acknowledged is delivered, live and again.
stream_wait watcher "data: $good x"
stream_open again '/streams/full?from=earliest'
stream_wait again "data: $good x"
stream_close again
equal "$(sed -nE 's/^data: ([0-9]+) .*/\1/p' "$RC_TMP/again.body" | cksum)" "$(seq 1 "$good" | cksum)" "what is replayed"
is_in watcher "data: $((good + 1)) x" && fail "an event was delivered that was refused"

# Killed in this state, it comes up again and serves what it has. (A new mount would be empty: so the data is copied.)
cp -a "$disk" "$RC_TMP/copy"
succeeded=$("$RINGCAST_BIN" log verify --data-dir "$RC_TMP/copy") || fail "verify of a full disk's log: $succeeded"

# Room again: it goes on by itself.
nsenter --mount="/proc/$BROKER_PID/ns/mnt" mount -o remount,size=80m "$DATA" 2>/dev/null || { broker_kill; exit 0; }
is_over() { [ "$(lines '{"op":"status"}' | jq -c '[.log.writable, .log.fault]')" = '[true,null]' ]; }
patiently is_over || fail "it does not go on: $(lines '{"op":"status"}' | jq -c .log)"
head -n 100 "$RC_TMP/events" | timeout 60 socat -t 30 - "UNIX-CONNECT:$SOCKET" >"$RC_TMP/answers"
equal "$(jq -s "map(.sequence) == [range($good + 1; $good + 101)]" "$RC_TMP/answers")" true "what is taken then"
publish '{"stream":"full","data":"after"}'
stream_wait watcher 'data: after'
publish '{"stream":"full","data":"synced","ack":"synced"}'
broker_stop
