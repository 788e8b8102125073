#!/bin/bash
# Subscribing with curl: what goes over the wire, byte by byte (mission A1, A2, A4, B2 to B4).
# timeout: 240
# smoke
# shellcheck disable=SC1091,SC2153 # what broker.sh sets
source "$(dirname "$0")/broker.sh"

broker_start --heartbeat-interval 1s --request-timeout 1500ms

# --- one stream, native frames ---------------------------------------------------------------------

stream_open plain /streams/chat/42
equal "$(head -n 1 "$RC_TMP/plain.header")" $'HTTP/1.1 200 OK\r' "status line"
equal "$(header plain Content-Type)" text/event-stream "content type"
equal "$(header plain Cache-Control)" no-cache "cache control"
equal "$(header plain X-Accel-Buffering)" no "buffering of proxies"
equal "$(header plain X-Content-Type-Options)" nosniff "sniffing"
equal "$(header plain Connection)" close "connection"
equal "$(header plain Transfer-Encoding)$(header plain Content-Length)" "" "the body ends with the connection"
equal "$(header plain Ringcast-Gap)" "" "no gap"
matches "$(header plain Ringcast-Connection-Id)" '^[0-9a-f]{16}$' "connection id"
matches "$(header plain Date)" '^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} GMT$' "date"

publish '{"stream":"chat/42","type":"text","data":"hi"}'
first=$ID
equal "$SEQUENCE" 1 "the first event's sequence"
publish '{"stream":"chat/42","data":"one\ntwo\r\nthree\rfour"}'
lines_id=$ID
publish '{"stream":"chat/42","type":"json","data":{ "a" : [1, 2.50, "x y"] },"retry":1234}'
json_id=$ID
publish '{"stream":"chat/42","data":""}'
empty_id=$ID
publish '{"stream":"chat/42","data":"\n  ü €\n"}'
last=$ID
equal "$SEQUENCE" 5 "the fifth event's sequence"
stream_wait plain "id: $last"
stream_wait plain "ü €"
expected="id: 0
retry: 5000

id: $first
event: text
data: hi

id: $lines_id
data: one
data: two
data: three
data: four

id: $json_id
event: json
retry: 1234
data: {\"a\":[1,2.50,\"x y\"]}

id: $empty_id
data: 

id: $last
data: 
data:   ü €
data: 

end"
whole_body() { [ "$(grep -vx ':' "$RC_TMP/$1.body" | grep -c "^id: ")" = "$2" ]; }
patiently whole_body plain 6 || fail "not all events: $(body plain)"
sleep 0.1
# A heartbeat may have come in between: a comment with its empty line.
without_heartbeats() { perl -0pe 's/^:\n\n//mg' "$RC_TMP/$1.body"; }
equal "$(without_heartbeats plain; printf end)" "$expected" "frames"
stream_close plain

# --- where to start ----------------------------------------------------------------------------------

# event_ids NAME: on one line, without the one that the response begins with.
event_ids() { sed -n 's/^id: //p' "$RC_TMP/$1.body" | sed 1d | paste -sd ' '; }
# ids PATH COUNT [CURL OPTION...]: the first so many ids, in IDS.
has_ids() { [ "$(grep -c '^id: ' "$RC_TMP/ids.body")" -ge "$1" ]; }
ids() {
  local path=$1 count=$2
  shift 2
  stream_open ids "$path" "$@"
  patiently has_ids $((count + 1)) || fail "$path: fewer than $count events: $(body ids)"
  stream_close ids
  IDS=$(event_ids ids)
}
all="$first $lines_id $json_id $empty_id $last"
ids '/streams/chat/42?from=earliest' 5
equal "$IDS" "$all" "from=earliest"
ids "/streams/chat/42?from=$lines_id" 3
equal "$IDS" "$json_id $empty_id $last" "from=ID"
ids '/streams/chat/42?from=last:2' 2
equal "$IDS" "$empty_id $last" "from=last:2"
ids '/streams/chat/42?from=last:999' 5
equal "$IDS" "$all" "from=last:999"
ids '/streams/chat/42' 2 -H "Last-Event-ID: $json_id"
equal "$IDS" "$empty_id $last" "Last-Event-ID"
ids "/streams/chat/42?last_event_id=$json_id" 2
equal "$IDS" "$empty_id $last" "last_event_id"
ids "/streams/chat/42?from=earliest&last_event_id=$first" 1 -H "Last-Event-ID: $empty_id"
equal "$IDS" "$last" "the header wins over the query, the query over from"
ids '/streams/chat%2f42?from=last:1' 1
equal "$IDS" "$last" "an escaped slash in the path is the same name"

# Time: an event's own time is in the envelope; what comes at or after it is given.
sleep 0.02
publish '{"stream":"chat/42","data":"later"}'
later=$ID
stream_open times '/events?stream=chat/42&from=last:1'
stream_wait times '"data":"later"'
stream_close times
time_ms=$(sed -n 's/^data: //p' "$RC_TMP/times.body" | jq .time)
rfc_3339=$(date -u -d "@${time_ms%???}.${time_ms: -3}" +%Y-%m-%dT%H:%M:%S.%3NZ)
ids "/streams/chat/42?from=time:$time_ms" 1
equal "$IDS" "$later" "from=time: in milliseconds"
ids "/streams/chat/42?from=time:$rfc_3339" 1
equal "$IDS" "$later" "from=time: as RFC 3339"
ids "/streams/chat/42?from=time:0" 6
equal "$IDS" "$all $later" "from=time:0"

# latest: nothing of what was, all of what comes.
stream_open latest /streams/chat/42?from=latest
stream_open future "/streams/chat/42?from=time:$((time_ms + 86400000))"
publish '{"stream":"chat/42","data":"newest"}'
newest=$ID
stream_wait latest "data: newest"
stream_wait future "data: newest"
equal "$(event_ids latest)" "$newest" "from=latest gives no past"
equal "$(event_ids future)" "$newest" "a time to come gives what comes now"
stream_close latest
# Cut off before anything came: the response's first id is enough to come back with.
stream_open cut_off '/events?stream=chat/42&stream=m/none'
stream_wait cut_off $'retry: 5000\n\n'
stream_close cut_off
cut_off=$(sed -n 's/^id: //p' "$RC_TMP/cut_off.body")
publish '{"stream":"m/none","data":"while away"}'
ids '/events?stream=chat/42&stream=m/none' 1 -H "Last-Event-ID: $cut_off"
equal "$IDS" "$ID" "what came between a response without events and the next"
stream_close future

# A stream that nobody has published to: the subscriber waits.
stream_open early '/streams/not%20yet'
publish '{"stream":"not yet","data":"here it is"}'
stream_wait early "data: here it is"
stream_close early

# --- resume tokens -----------------------------------------------------------------------------------

token() { printf '%s' "$1" | base64 -w 0; }
ids "/stream?stream_id=chat/42&resume_token=$(token chat/42:2)" 5
equal "$IDS" "$json_id $empty_id $last $later $newest" "a resume token"
ids "/stream?stream_id=chat/42&resume_token=$(token chat/42:2 | tr -d =)" 5
equal "$IDS" "$json_id $empty_id $last $later $newest" "a resume token without padding"
# A name whose token differs between the two alphabets: ~~~ and ??? give + and / in base64.
publish '{"stream":"a:~~~???:>>","data":"1"}'
publish '{"stream":"a:~~~???:>>","data":"2"}'
odd=$ID
odd_token=$(token 'a:~~~???:>>:1')
matches "$odd_token" '[+/]' "the token has what the alphabets differ in"
odd_name=$(jq -rn '"a:~~~???:>>" | @uri')
ids "/stream?stream_id=$odd_name&resume_token=$odd_token" 1
equal "$IDS" "$odd" "a token in standard base64, + and / as they are"
ids "/stream?stream_id=$odd_name&resume_token=$(tr '+/' '-_' <<<"$odd_token")" 1
equal "$IDS" "$odd" "a token in URL-safe base64"
ids "/streams/$odd_name?resume_token=$odd_token" 1
equal "$IDS" "$odd" "a token on the stream's own address"
problem "/stream?stream_id=chat/42&resume_token=$(token chat/43:1)" 400 invalid_resume_token
problem "/stream?stream_id=chat/42&resume_token=$(token chat/42)" 400 invalid_resume_token
problem "/stream?stream_id=chat/42&resume_token=$(token chat/42:x)" 400 invalid_resume_token
problem '/stream?stream_id=chat/42&resume_token=%21%21' 400 invalid_resume_token
problem '/stream?stream_id=chat/42&resume_token=' 400 invalid_resume_token

# --- aliases -----------------------------------------------------------------------------------------

ids '/stream?stream_id=chat/42' 7
equal "$IDS" "$all $later $newest" "/stream starts at the earliest"
problem '/stream?stream_id=nobody' 404 stream_not_found
problem '/stream' 400 missing_parameter
problem '/api/sse' 400 missing_parameter
ids '/api/sse?sessionId=chat/42&from=last:1' 1
equal "$IDS" "$newest" "/api/sse"

# --- several streams ---------------------------------------------------------------------------------

stream_open many '/events?stream=m/1&stream=m/2&stream=m/1'
publish '{"stream":"m/1","type":"text","data":"a \"quoted\" line\nand another","priority":"high","tags":["x","y"],"source":"test","correlation_id":"c-1","custom":{"k":"v"}}'
m1=$ID
publish '{"stream":"m/2","data":{"n":1},"content_type":"application/json"}'
m2=$ID
publish '{"stream":"m/3","data":"not asked for"}'
publish '{"stream":"m/2","data":"last"}'
m3=$ID
stream_wait many "id: $m3"
stream_wait many '"data":"last"'
stream_close many
equal "$(event_ids many)" "$m1 $m2 $m3" "ids of several streams"
equal "$(sed -n 's/^event: //p' "$RC_TMP/many.body")" text "an envelope's frame has the event's type"
sed -n 's/^data: //p' "$RC_TMP/many.body" >"$RC_TMP/envelopes"
equal "$(jq -c 'del(.time)' "$RC_TMP/envelopes" | head -n 1)" \
  "{\"id\":$m1,\"stream\":\"m/1\",\"sequence\":1,\"type\":\"text\",\"priority\":\"high\",\"source\":\"test\",\"correlation_id\":\"c-1\",\"tags\":[\"x\",\"y\"],\"custom\":{\"k\":\"v\"},\"data\":\"a \\\"quoted\\\" line\\nand another\"}" \
  "an envelope"
equal "$(jq -c 'del(.time)' "$RC_TMP/envelopes" | sed -n 2p)" \
  "{\"id\":$m2,\"stream\":\"m/2\",\"sequence\":1,\"content_type\":\"application/json\",\"data\":{\"n\":1}}" \
  "an envelope with JSON"
now=$(date +%s%3N)
equal "$(jq -s "all(.[]; .time > $now - 60000 and .time <= $now)" "$RC_TMP/envelopes")" true "times"

# One id resumes them all.
ids '/events?stream=m/1&stream=m/2' 2 -H "Last-Event-ID: $m1"
equal "$IDS" "$m2 $m3" "resuming several streams"
ids '/events?stream=m/1&stream=m/2&from=earliest' 3
equal "$IDS" "$m1 $m2 $m3" "several streams from the earliest, merged by id"
ids '/events?stream=m/2&stream=m/1&from=last:1' 2
equal "$IDS" "$m1 $m3" "the last one of each stream"
stream_open native '/events?stream=m/1&stream=m/2&envelope=0&from=earliest'
stream_wait native "data: last"
stream_close native
equal "$(without_heartbeats native; printf end)" "id: 0
retry: 5000

id: $m1
event: text
data: a \"quoted\" line
data: and another

id: $m2
data: {\"n\":1}

id: $m3
data: last

end" "envelope=0"
stream_open wrapped '/streams/m/2?envelope=1&from=last:1'
stream_wait wrapped '"data":"last"'
stream_close wrapped
problem '/events' 400 missing_parameter
problem "/events?$(printf 'stream=s%s&' {1..65})" 400 too_many_streams
problem '/events?stream=m/1&stream=m/2&resume_token=eDox' 400 invalid_resume_token

# --- gaps --------------------------------------------------------------------------------------------

# gap PATH REASON LOST NEXT: told of in the header and as the first event, then served from what there is. LOST is
# the last event that is gone, NEXT the first that is there: the gap ends in between. It is in GAP_END.
gap() {
  local path=$1 reason=$2 lost=$3 next=$4
  shift 4
  stream_open gap "$path" "$@"
  stream_wait gap "id: $next"
  stream_close gap
  matches "$(header gap Ringcast-Gap)" "^[0-9]+-[0-9]+/$reason\$" "the gap's header for $path"
  GAP_END=$(header gap Ringcast-Gap)
  GAP_END=${GAP_END#*-}
  GAP_END=${GAP_END%/*}
  ((GAP_END >= lost && GAP_END < next)) || fail "the gap ends at $GAP_END, not between $lost and $next"
  local data
  data=$(awk '/^event: gap$/ { seen = 1 } seen && sub(/^data: /, "") { print; exit }' "$RC_TMP/gap.body")
  equal "$(jq -r '"\(.from)-\(.to)/\(.reason)"' <<<"$data")" "$(header gap Ringcast-Gap)" "the gap's event"
  equal "$(grep -m 1 -E '^(event|data):' "$RC_TMP/gap.body")" "event: gap" "the gap is told first"
}
gap '/streams/chat/42' ahead 0 "$first" -H 'Last-Event-ID: 999999999999'
gap '/streams/chat/42' unknown 0 "$first" -H 'Last-Event-ID: 5f3a-other-server'
gap "/streams/chat/42?resume_token=$(token chat/42:900)" ahead 0 "$first"
equal "$(lines '{"op":"discard","stream":"chat/42","ref":1}')" '{"ref":1,"done":true}' "discarding"
publish '{"stream":"chat/42","data":"after"}'
gap '/streams/chat/42' expired "$newest" "$ID" -H "Last-Event-ID: $first"
gap "/streams/chat/42?resume_token=$(token chat/42:1)" expired "$newest" "$ID"
equal "$(sed -n 's/^data: .*"resume":\([0-9]*\).*/\1/p' "$RC_TMP/gap.body")" "$GAP_END" "where a gap resumes"
ids '/streams/chat/42?from=earliest' 1
equal "$IDS" "$ID" "what was discarded is gone, without a gap for who did not ask for it"

# --- heartbeats --------------------------------------------------------------------------------------

stream_open comment /streams/quiet
stream_open beat '/streams/quiet?heartbeat=event'
stream_open silent '/streams/quiet?heartbeat=off'
stream_wait beat "event: heartbeat"
is_two_comments() { [ "$(grep -cx ':' "$RC_TMP/comment.body")" -ge 2 ]; }
patiently is_two_comments || fail "no heartbeats as comments: $(body comment)"
stream_wait beat $'"}'
stream_close comment
stream_close beat
stream_close silent
equal "$(body silent)" "id: $ID"$'\nretry: 5000' "heartbeat=off"
beat=$(sed -n 's/^data: //p' "$RC_TMP/beat.body" | head -n 1)
equal "$(jq -r .connection_id <<<"$beat")" "$(header beat Ringcast-Connection-Id)" "a heartbeat's connection id"
matches "$(jq -r .timestamp <<<"$beat")" '^1[0-9]{12}$' "a heartbeat's time"
equal "$(grep -c '^id:' "$RC_TMP/beat.body")" 1 "heartbeats have no id, only the beginning has"
problem '/streams/quiet?heartbeat=often' 400 invalid_parameter

broker_stop
