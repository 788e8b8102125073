#!/bin/bash
# Streams that are made and end, from outside: over the line protocol, through kills and stops, through the
# log's tools and a lost checkpoint (mission B6, B7, G3).
# timeout: 180
# shellcheck disable=SC1091,SC2153 # what broker.sh sets
source "$(dirname "$0")/broker.sh"

ask() { lines "$@" | jq -r '.done // .error // .id' | xargs; }
state() { # STREAM: its state as the broker lists it, "open" where it says none, "none" where there is none
  lines "{\"op\":\"streams\",\"prefix\":\"$1\"}" |
    jq -r --arg name "$1" '[.streams[] | select(.name == $name) | .state // "open"] | first // "none"'
}
log() {
  timeout 60 "$RINGCAST_BIN" log "$1" --data-dir "$DATA" "${@:2}" >"$RC_TMP/out" 2>"$RC_TMP/err" ||
    fail "log $1: $(cat "$RC_TMP/out" "$RC_TMP/err")"
}

broker_start
equal "$(ask '{"op":"set","stream":"made","content_type":"text/plain"}' '{"stream":"chat/1","data":"one"}' \
  '{"op":"end","stream":"chat/1","life":"close","ack":"synced"}' '{"stream":"chat/1","data":"two"}' \
  '{"op":"end","stream":"chat/1","life":"close"}' '{"op":"end","stream":"chat/1","life":"cancel"}' \
  '{"op":"set","stream":"chat/1"}')" "true 2 true stream_closed true stream_closed stream_closed" "a closed stream"
equal "$(ask '{"stream":"chat/2","data":"one"}' '{"op":"end","stream":"chat/2","life":"cancel"}' \
  '{"stream":"chat/3","data":"one"}' '{"op":"end","stream":"chat/3","life":"delete"}' \
  '{"op":"end","stream":"chat/3","life":"close"}' '{"op":"end","stream":"nowhere","life":"delete"}')" \
  "4 true 6 true stream_not_found stream_not_found" "cancelled and deleted ones"
equal "$(lines '{"op":"streams","prefix":"made"}' | jq -r '.streams[0].content_type')" text/plain "a content type"
stream_open deleted '/streams/chat/3?from=earliest'
for ending in kill stop kill; do
  "broker_$ending"
  broker_start
  equal "$(state chat/1) $(state chat/2) $(state chat/3) $(state made)" "closed cancelled deleted open" "after a $ending"
done
equal "$(lines '{"stream":"chat/3","data":"anew"}' | jq .sequence)" 2 "a deleted one is made anew, and its sequence goes on"
equal "$(state chat/3)" open "made anew"

# The tools know them, and a checkpoint that is lost is made again from the blocks.
broker_stop
log dump --control
equal "$(grep -cE 'chat/1:1 \(closed\)|chat/2:1 \(cancelled\)|chat/3:1 \(deleted\)|made:0 \(settings\)' "$RC_TMP/out")" 4 "dump"
log verify
rm "$DATA/checkpoint"
log repair
log verify
broker_start
equal "$(state chat/1) $(state chat/2) $(state chat/3) $(state made)" "closed cancelled open open" "after a repair"
equal "$(lines '{"op":"streams","prefix":"made"}' | jq -r '.streams[0].content_type')" text/plain "a content type, repaired"

# What was acknowledged survives a kill in the midst of many.
for round in 1 2 3 4; do
  for ((i = 0; i < 3000; i++)); do
    case $((i % 3)) in 0) life=close ;; 1) life=cancel ;; 2) life=delete ;; esac
    printf '{"stream":"many/%d/%d","data":"x"}\n{"op":"end","stream":"many/%d/%d","life":"%s","ref":%d}\n' \
      "$round" "$i" "$round" "$i" "$life" "$i"
  done >"$RC_TMP/lines"
  timeout 60 socat -t 15 - "UNIX-CONNECT:$SOCKET" <"$RC_TMP/lines" >"$RC_TMP/answers" 2>/dev/null &
  socat_pid=$!
  helpers+=("$socat_pid")
  has_ends() { [ "$(grep -c '"done":true' "$RC_TMP/answers")" -gt $((round * 50)) ]; }
  patiently has_ends || fail "no answers"
  broker_kill
  wait "$socat_pid" 2>/dev/null
  broker_start
  lines "{\"op\":\"streams\",\"prefix\":\"many/$round/\",\"limit\":10000}" |
    jq -r '.streams[] | "\(.name) \(.state // "open")"' | sort >"$RC_TMP/states"
  head -n -1 "$RC_TMP/answers" | jq -r --arg round "$round" 'select(.done) | .ref |
    "many/\($round)/\(.) " + (["closed", "cancelled", "deleted"][. % 3])' | sort >"$RC_TMP/acknowledged"
  [ -s "$RC_TMP/acknowledged" ] || fail "nothing was acknowledged"
  lost=$(comm -23 "$RC_TMP/acknowledged" "$RC_TMP/states")
  equal "$lost" "" "ends that were acknowledged and are lost, round $round"
done
broker_stop
log verify

# A token's subject may make so many streams, by POST, PUT and by publishing to a new one.
head -c 32 /dev/urandom >"$RC_TMP/secret.key"
chmod 600 "$RC_TMP/secret.key"
broker_start --auth-keys "$RC_TMP/secret.key" --streams-per-subject 2
bearer() { printf 'Authorization: Bearer %s' "$("$RINGCAST_BIN" token make --key "$RC_TMP/secret.key" --sub "$1" --read '**' --write '**')"; }
alice=$(bearer alice)
http() { # METHOD PATH [CURL OPTION...]: the status, and the code of a problem
  answer "$2" -X "$1" -H "$alice" -H "Content-Type: text/plain" "${@:3}"
  printf '%s %s' "$STATUS" "$(jq -r '.code // empty' "$RC_TMP/answer.body" 2>/dev/null)"
}
equal "$(http PUT /streams/of-alice/1)" "201 " "the first"
equal "$(http POST /streams/of-alice/2 -d x)" "200 " "the second"
equal "$(http POST /streams/of-alice/2 -d y)" "200 " "which is there"
equal "$(http PUT /streams/of-alice/3)" "429 rate_limited" "the third"
equal "$(header answer Retry-After)" 5 "when to come again"
equal "$(http POST /streams/of-alice/3 -d x)" "429 rate_limited" "the third"
equal "$(http POST /streams)" "429 rate_limited" "the third"
answer /streams/of-bob/1 -X PUT -H "$(bearer bob)"
equal "$STATUS" 201 "another's"
broker_kill
broker_start --auth-keys "$RC_TMP/secret.key" --streams-per-subject 2
equal "$(http PUT /streams/of-alice/3)" "429 rate_limited" "the third after a kill"
equal "$(http DELETE /streams/of-alice/1)" "204 " "deleting one"
equal "$(http POST /streams)" "201 " "another in its place"
broker_stop
rm -rf "$DATA"
broker_start --anonymous all --streams-max 1
answer /streams -X POST
problem /streams 503 too_many_streams -X POST
equal "$(header answer Retry-After)" 5 "when to come again"
broker_stop
