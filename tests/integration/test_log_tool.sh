#!/bin/bash
# ringcast log: what is published is dumped, also beside a running broker and after it was killed; a log that was spoilt is
# told, repaired, and serves on.
# timeout: 180
# shellcheck disable=SC1091,SC2153 # what broker.sh sets
source "$(dirname "$0")/broker.sh"

# log VERB [FLAG...]: its exit status is in RAN, what it printed in OUT and ERR.
log() {
  local verb=$1
  shift
  RAN=0
  timeout 60 "$RINGCAST_BIN" log "$verb" --data-dir "$DATA" "$@" >"$RC_TMP/out" 2>"$RC_TMP/err" || RAN=$?
  OUT=$(cat "$RC_TMP/out")
  ERR=$(cat "$RC_TMP/err")
}
ended() { # STATUS WHAT
  equal "$RAN" "$1" "exit status of $2 ($OUT $ERR)"
}
dumped() {
  log dump --json
  ended 0 dump
  jq -r '"\(.id) \(.stream) \(.sequence) \(.data | @json)"' <<<"$OUT"
}

broker_start
for ((i = 1; i <= 40; i++)); do
  printf '{"stream":"stream/%d","type":"text","data":"event %d\\nof many","ack":"synced","tags":["a","b"]}\n' \
    $((i % 2)) "$i"
done >"$RC_TMP/lines"
# In several goes, so that there are several blocks.
for ((i = 0; i < 40; i += 10)); do
  tail -n +$((i + 1)) "$RC_TMP/lines" | head -n 10 | timeout 60 socat -t 15 - "UNIX-CONNECT:$SOCKET" \
    >>"$RC_TMP/answers" || fail "cannot publish"
done
equal "$(grep -c '"id"' "$RC_TMP/answers")" 40 "answers"

# Beside the running broker.
log dump --json
ended 0 dump
equal "$(wc -l <<<"$OUT")" 40 "events dumped"
equal "$(jq -r .data <<<"$OUT" | head -n 2)" $'event 1\nof many' "data of the first event"
equal "$(jq -r '.tags | join("+")' <<<"$OUT" | sort -u)" a+b "tags"
equal "$(jq -r .type <<<"$OUT" | sort -u)" text "types"
equal "$(jq -r .sequence <<<"$OUT" | tail -n 1)" 20 "sequence of the last event"
first=$(jq -r .id <<<"$OUT" | head -n 1)
log dump --stream stream/1 --from $((first + 10)) --limit 3 --json
equal "$(jq -r .id <<<"$OUT" | xargs)" "$((first + 10)) $((first + 12)) $((first + 14))" "a part"
log verify
ended 0 "verify beside the broker"
log repair
ended 1 "repair beside the broker"
matches "$ERR" "in use by another ringcast, process $BROKER_PID" "why repair refuses"

# After it was killed, and after it ended in good order.
broker_kill
log verify
ended 0 "verify after a kill"
broker_start
broker_stop
log verify
ended 0 "verify after a stop"
matches "$OUT" "events     40 in 2 streams" "what verify counts"
matches "$OUT" "meta       stopped in good order" "how it ended"
log repair
ended 0 "repair of what is whole"
equal "$OUT" "nothing to repair" "repair of what is whole"
before=$(dumped)

# A byte of the first block is spoilt: the events of that block are lost, the others are not.
for segment in "$DATA"/segment-*.log; do break; done
printf '\377' | dd of="$segment" bs=1 seek=$((4096 + 100)) conv=notrunc status=none
log verify
ended 1 "verify of a spoilt log"
matches "$OUT" "fault $(basename "$segment")\+4096: blocks are corrupt" "the fault"
log repair --dry-run
ended 0 "a dry run"
matches "$OUT" "would " "a dry run"
log verify
ended 1 "verify after a dry run"
log repair
ended 0 repair
log verify
ended 0 "verify after repair ($OUT)"
after=$(dumped)
lost=$(($(wc -l <<<"$before") - $(wc -l <<<"$after")))
[ "$lost" -gt 0 ] || fail "nothing was lost"
equal "$after" "$(tail -n "$(wc -l <<<"$after")" <<<"$before")" "what is left"

# Meta and checkpoint gone altogether: the broker starts all the same, and gives no id out again.
rm "$DATA/meta" "$DATA/checkpoint"
log repair
ended 0 "repair without meta and checkpoint"
log verify
ended 0 "verify after that ($OUT)"
broker_start
last=$(tail -n 1 <<<"$after" | cut -d ' ' -f 1)
publish '{"stream":"stream/1","data":"after all that"}'
[ "$ID" -gt "$last" ] || fail "id $ID was given out before"
broker_stop
log verify
ended 0 "verify at the end ($OUT)"

log dump --data-dir "$RC_TMP/missing"
ended 1 "dump of a missing directory"
matches "$ERR" "cannot be opened: No such file" "the error"
