#!/bin/bash
# The line protocol by socat: one JSON object a line, one answer a line, in order; publishing with all attributes,
# acknowledgements, errors with their place, and the operations (mission A3, A5, B5, B6, G1, G4, G5, I5).
# timeout: 180
# smoke
# shellcheck disable=SC1091,SC2153,SC2154 # what broker.sh sets
source "$(dirname "$0")/broker.sh"

broker_start

# error LINE CODE [POSITION]: that the line is refused so, with a message; and the connection goes on.
error() {
  local answers
  answers=$(lines "$1" '{"stream":"after","data":"still here","ref":"next"}')
  equal "$(head -n 1 <<<"$answers" | jq -r .error)" "$2" "error for $1"
  [ "$(head -n 1 <<<"$answers" | jq -r '.message | length')" -gt 5 ] || fail "no message for $1"
  [ $# -lt 3 ] || equal "$(head -n 1 <<<"$answers" | jq -r .position)" "$3" "position in $1"
  equal "$(sed -n 2p <<<"$answers" | jq -r .ref)" next "the line after $1"
}

# --- publishing --------------------------------------------------------------------------------------

answers=$(lines '{"stream":"a","data":"one","ref":7}' '{"stream":"a","data":"two","ref":"x\u0041"}' '{"stream":"b","data":"three"}' \
  '' '{"stream":"a","data":{"k":[1,2]},"ref":null}' '{"stream":"a","data":4,"ref":-1.5e3,"type":"t"}')
equal "$answers" '{"ref":7,"id":1,"sequence":1}
{"ref":"x\u0041","id":2,"sequence":2}
{"id":3,"sequence":1}
{"ref":null,"id":4,"sequence":3}
{"ref":-1.5e3,"id":5,"sequence":4}' "answers, with refs as they were given"
equal "$(lines '{"stream":"a","data":"r","ack":"received","ref":1}')" '{"ref":1,"received":true}' "ack received"
equal "$(lines '{"stream":"a","data":"s","ack":"synced","ref":1}' | jq -c 'keys')" '["id","ref","sequence"]' "ack synced"
equal "$(printf '{"stream":"a","data":"no line end","ref":9}' | timeout 20 socat -t 15 - "UNIX-CONNECT:$SOCKET" | jq .ref)" 9 \
  "a last line without its end"
equal "$(printf '{"stream":"a","data":"crlf","ref":10}\r\n' | timeout 20 socat -t 15 - "UNIX-CONNECT:$SOCKET" | jq .ref)" 10 \
  "a line that ends in CR LF"
equal "$(printf '{"stream":"a","data":"by nc","ref":11}\n' | timeout 20 nc -N -U "$SOCKET" | jq .ref)" 11 "nc -U"
# Byte by byte.
text='{"stream":"slow","data":"drop by drop","ref":12}'
equal "$(for ((i = 0; i < ${#text}; i++)); do printf '%s' "${text:i:1}"; sleep 0.003; done |
  timeout 20 socat -t 15 - "UNIX-CONNECT:$SOCKET" | jq .ref)" 12 "a line byte by byte"

# Many at once, of all levels mixed: answers come in order of the lines.
for ((i = 0; i < 3000; i++)); do
  case $((i % 3)) in 0) ack=received ;; 1) ack=written ;; 2) ack=synced ;; esac
  printf '{"stream":"many","data":"%d","ack":"%s","ref":%d}\n' "$i" "$ack" "$i"
done >"$RC_TMP/many.lines"
timeout 60 socat -t 30 - "UNIX-CONNECT:$SOCKET" <"$RC_TMP/many.lines" >"$RC_TMP/many.answers"
equal "$(jq -s 'map(.ref) == [range(3000)]' "$RC_TMP/many.answers")" true "answers in order"
equal "$(jq -s 'map(select(.sequence).sequence) | . == sort and length == 2000' "$RC_TMP/many.answers")" true "sequences"

# All attributes, as a subscriber sees them.
stream_open attributes '/events?stream=attributes'
publish '{"stream":"attributes","type":"text","data":"x","priority":"critical","tags":["one","two"],"source":"s","correlation_id":"c","content_type":"text/plain","topics":["other/1","other/2"],"custom":{"a":"1","b":2,"c":true},"ttl_ms":60000,"retry":1500}'
publish '{"stream":"attributes","data":"end","priority":4}'
stream_wait attributes '"data":"end"'
equal "$(sed -n 's/^data: //p' "$RC_TMP/attributes.body" | head -n 1 | jq -c 'del(.time, .id)')" \
  '{"stream":"attributes","sequence":1,"type":"text","priority":"critical","source":"s","correlation_id":"c","content_type":"text/plain","tags":["one","two"],"topics":["other/1","other/2"],"custom":{"a":"1","b":"2","c":"true"},"retry":1500,"data":"x"}' \
  "attributes in an envelope"
equal "$(grep -c '^retry: 1500$' "$RC_TMP/attributes.body")" 1 "retry in the frame"
equal "$(sed -n 's/^data: //p' "$RC_TMP/attributes.body" | sed -n 2p | jq -r .priority)" background "priority by number"
stream_close attributes

# Ephemeral: to who is there, without id, and never again.
stream_open ephemeral /streams/ephemeral
equal "$(lines '{"stream":"ephemeral","type":"typing","data":"now","ephemeral":true,"ref":1,"reach":true}')" '{"ref":1,"received":true,"reached":1}' \
  "an ephemeral event's answer"
stream_wait ephemeral 'data: now'
stream_close ephemeral
publish '{"stream":"ephemeral","data":"kept"}'
equal "$SEQUENCE" 1 "an ephemeral event takes no place in its stream"
stream_open later '/streams/ephemeral?from=earliest'
stream_wait later 'data: kept'
stream_close later
equal "$(grep -c '^data' "$RC_TMP/later.body")" 1 "an ephemeral event is not kept"
matches "$(cat "$RC_TMP/ephemeral.body")" $'\nevent: typing\ndata: now' "an ephemeral event's frame"

# A time to live: gone for who comes later.
publish '{"stream":"ttl","data":"short","ttl_ms":1}'
publish '{"stream":"ttl","data":"long","ttl_ms":600000}'
sleep 0.1
stream_open ttl '/streams/ttl?from=earliest'
stream_wait ttl 'data: long'
stream_close ttl
equal "$(grep '^data' "$RC_TMP/ttl.body")" 'data: long' "an event past its time is not replayed"

# Idempotency: a repeat is acknowledged as its original, and is not there twice.
equal "$(lines '{"stream":"i","data":"1","producer_id":5,"epoch":1,"producer_sequence":1,"ref":1}' | jq -c 'del(.id)')" '{"ref":1,"sequence":1}' "the first time"
first=$(lines '{"op":"status"}' | jq .log.last_id)
equal "$(lines '{"stream":"i","data":"1","producer_id":5,"epoch":1,"producer_sequence":1}')" \
  "{\"id\":$first,\"sequence\":1,\"duplicate\":true}" "a repeat"
equal "$(lines '{"stream":"i","data":"9","producer_id":5,"epoch":1,"producer_sequence":9}' | jq .sequence)" 2 "gaps are allowed"
equal "$(lines '{"stream":"i","data":"n","producer_id":5,"epoch":2,"producer_sequence":1}' | jq .sequence)" 3 "a new epoch begins anew"
error '{"stream":"i","data":"o","producer_id":5,"epoch":1,"producer_sequence":10}' stale_epoch
broker_stop
broker_start
equal "$(lines '{"stream":"i","data":"n","producer_id":5,"epoch":2,"producer_sequence":1}' | jq .duplicate)" true "a repeat after a restart"
broker_kill
broker_start
equal "$(lines '{"stream":"i","data":"n","producer_id":5,"epoch":2,"producer_sequence":1}' | jq .duplicate)" true "a repeat after a kill"
error '{"stream":"i","data":"o","producer_id":5,"epoch":1,"producer_sequence":10}' stale_epoch

# --- faults ------------------------------------------------------------------------------------------

error '{"stream":"a"' serialization_error
error 'hello' serialization_error 0
error '[1]' serialization_error
error '{"stream":"a","data":"x"} {}' serialization_error 26
error '{"stream":"a"}' missing_parameter
error '{"data":"x"}' missing_parameter
error '{"stream":"a","data":"x","dta":"y"}' invalid_parameter 25
error '{"stream":"a","data":"x","data":"y"}' invalid_parameter 25
error '{"stream":7,"data":"x"}' invalid_parameter
error '{"stream":"","data":"x"}' invalid_name
error '{"stream":"a\nb","data":"x"}' invalid_name
error "{\"stream\":\"$(printf 'n%.0s' {1..256})\",\"data\":\"x\"}" invalid_name
error '{"stream":"a","type":"x\ny","data":"x"}' invalid_parameter
error '{"stream":"a","data":"x","ack":"soon"}' invalid_parameter
error '{"stream":"a","data":"x","priority":5}' invalid_parameter
error '{"stream":"a","data":"x","op":"fly"}' invalid_parameter
error '{"stream":"a","data":"x","op":"status"}' invalid_parameter
error '{"stream":"a","data":"x","producer_id":1}' missing_parameter
error '{"stream":"a","data":"\ud800"}' serialization_error
error $'{"stream":"a","data":"\xff\xfe"}' serialization_error
error $'{"stream":"a\xc0\xaf","data":"x"}' serialization_error
error "{\"stream\":\"a\",\"data\":$(printf '[%.0s' {1..100})$(printf ']%.0s' {1..100})}" serialization_error
error "{\"stream\":\"a\",\"data\":\"x\",\"ref\":\"$(printf 'r%.0s' {1..300})\"}" too_large
equal "$(lines '{"stream":"a","ref":31}' | jq .ref)" 31 "a refused line's ref"

# Too large: data beyond a mebibyte, and lines beyond what any event can take. Both leave the connection usable.
large() { head -c "$1" /dev/zero | tr '\0' x; }
{
  printf '{"stream":"large","data":"'; large 1048576; printf '","ref":1}\n'
  printf '{"stream":"large","ref":2,"data":"'; large 1048577; printf '"}\n'
  printf '{"stream":"large","ref":3,"data":"'; large 7000000; printf '"}\n'
  printf '{"stream":"large","data":"after","ref":4}\n'
} | timeout 60 socat -t 30 - "UNIX-CONNECT:$SOCKET" >"$RC_TMP/large.answers"
equal "$(jq -c '[.ref, .error, .sequence]' "$RC_TMP/large.answers" | paste -sd ' ')" \
  '[1,null,1] [2,"too_large",null] [3,"too_large",null] [4,null,2]' "large lines"
stream_open large '/streams/large?from=earliest'
stream_wait large 'data: after'
stream_close large
equal "$(grep -a '^data: xxx' "$RC_TMP/large.body" | wc -c)" $((1048576 + 7)) "a mebibyte comes through"

# CR and LF cannot smuggle a field into a frame.
stream_open smuggle /streams/smuggle
publish '{"stream":"smuggle","data":"x\r\rid: 999999\r\n\r\nevent: evil\n\ndata: y"}'
stream_wait smuggle 'data: data: y'
stream_close smuggle
equal "$(grep -cE '^(id: 999999|event:)' "$RC_TMP/smuggle.body")" 0 "smuggled fields"
equal "$(grep -c $'\r' "$RC_TMP/smuggle.body")" 0 "no CR goes out"

# --- operations --------------------------------------------------------------------------------------

stream_open direct '/streams/direct' -A 'my agent/1.0'
stream_open several '/events?stream=direct&stream=d/2'
equal "$(lines '{"stream":"direct","data":"x","reach":true}' | jq .reached)" 2 "reach"
equal "$(lines '{"op":"pressure","stream":"direct","ref":1}' | jq -c '[.ref, .listeners, .full < 1, .credit_bytes > 0]')" '[1,2,true,true]' "pressure"
stream_wait direct 'data: x'
stream_wait several '"data":"x"'
id=$(header direct Ringcast-Connection-Id)
connection() { lines '{"op":"connections"}' | jq -c --arg id "$1" '.connections[] | select(.id == $id)'; }
equal "$(connection "$id" | jq -c '[.state, .kind, .user_agent, .streams, (.address | startswith("127.0.0.1:"))]')" \
  '["active","sse","my agent/1.0",["direct"],true]' "a connection"
equal "$(connection "$id" | jq '.last_id > 0 and .connected_at > 1700000000000 and .last_activity_at >= .connected_at')" true "its times"
equal "$(connection "$(header several Ringcast-Connection-Id)" | jq -c '[.capabilities, .streams]')" '[["multiplexing"],["direct","d/2"]]' "another one"
equal "$(lines '{"op":"connections","limit":1}' | jq '.connections | length')" 1 "limit"
equal "$(lines "{\"op\":\"send\",\"connection\":\"$id\",\"type\":\"private\",\"data\":\"only you\",\"ref\":5}")" '{"ref":5,"done":true}' "send"
stream_wait direct $'event: private\ndata: only you'
equal "$(lines '{"op":"broadcast","data":"everybody"}')" '{"reached":2}' "broadcast"
stream_wait direct 'data: everybody'
stream_wait several 'data: everybody'
is_in several 'only you' && fail "what was sent to one came to another"
equal "$(lines "{\"op\":\"close\",\"connection\":\"$id\"}")" '{"done":true}' "close"
patiently is_gone "${stream_pids[direct]}" || fail "a closed connection does not end"
error "{\"op\":\"close\",\"connection\":\"$id\"}" connection_not_found
error "{\"op\":\"send\",\"connection\":\"$id\",\"data\":\"x\"}" connection_not_found
error '{"op":"close","connection":"not hexadecimal"}' invalid_parameter

equal "$(lines '{"op":"streams","prefix":"d"}' | jq -c '[.streams[].name] | sort')" '["d/2","direct"]' "streams by prefix"
stream_close several
equal "$(lines '{"op":"streams","prefix":"direct"}' | jq -c '.streams[0] | [.last_sequence, .last_id > 0, .last_time_ms > 0]')" '[1,true,true]' "a stream"
equal "$(lines '{"op":"streams","limit":2}' | jq '.streams | length')" 2 "limit of streams"
status=$(lines '{"op":"status","ref":"s"}')
equal "$(jq -c '[.ref, .log.writable, .log.fault, (.workers | length), .ingest.producers]' <<<"$status")" '["s",true,null,2,1]' "status"
equal "$(jq '.log.events_appended > 0 and .log.duplicates >= 1 and .ingest.errors > 20' <<<"$status")" true "counters"

# Retention of one stream, set and kept over a restart; and its history dropped.
for i in 1 2 3 4 5; do publish "{\"stream\":\"short\",\"data\":\"$i\"}"; done
equal "$(lines '{"op":"set","stream":"short","retention_count":2,"ack":"synced","ref":1}')" '{"ref":1,"done":true}' "set"
short() {
  stream_open short '/streams/short?from=earliest'
  stream_wait short "data: $1"
  stream_close short
  grep '^data: [0-9]' "$RC_TMP/short.body" | paste -sd ' '
}
is_short() { [ "$(short "$1")" = "$2" ]; }
patiently is_short 5 'data: 4 data: 5' || fail "retention by count: $(short 5)"
broker_kill
broker_start
publish '{"stream":"short","data":"6"}'
patiently is_short 6 'data: 5 data: 6' || fail "retention by count after a restart: $(short 6)"
equal "$(lines '{"op":"discard","stream":"short"}')" '{"done":true}' "discard"
publish '{"stream":"short","data":"7"}'
equal "$SEQUENCE" 7 "sequences go on after a discard"
equal "$(short 7)" 'data: 7' "what was discarded is gone"
error '{"op":"set","stream":"short","retention_age":"soon"}' invalid_parameter
error '{"op":"discard"}' missing_parameter

# --- limits ------------------------------------------------------------------------------------------

broker_stop
rm -rf "$DATA"
broker_start --streams-max 3 --producers-max 2 --event-bytes-max 1KiB
answers=$(for name in 1 2 3 4; do printf '{"stream":"%d","data":"x"}\n' "$name"; done | timeout 20 socat -t 15 - "UNIX-CONNECT:$SOCKET")
equal "$(jq -r '.error // .sequence' <<<"$answers" | paste -sd ' ')" '1 1 1 too_many_streams' "--streams-max"
problem /streams/4 503 too_many_streams
answer '/streams/3?from=earliest' --max-time 1
equal "$STATUS" 200 "a stream that is there already"
error "{\"stream\":\"1\",\"data\":\"$(printf 'x%.0s' {1..1025})\"}" too_large
publish "{\"stream\":\"1\",\"data\":\"$(printf 'x%.0s' {1..1024})\"}"
exec {one}> >(socat - "UNIX-CONNECT:$SOCKET" >"$RC_TMP/one") {two}> >(socat - "UNIX-CONNECT:$SOCKET" >"$RC_TMP/two")
printf '{"stream":"1","data":"x","ref":1}\n' >&"$one"
printf '{"stream":"1","data":"x","ref":2}\n' >&"$two"
are_held() { [ -s "$RC_TMP/one" ] && [ -s "$RC_TMP/two" ]; }
patiently are_held || fail "two producers are not served"
equal "$(lines '{"stream":"1","data":"x"}' | jq -r .error)" too_many_connections "--producers-max"
exec {one}>&- {two}>&-
has_place() { [ "$(lines '{"stream":"1","data":"x"}' | jq -r .id)" != null ]; }
patiently has_place || fail "the place of a producer that left is not given to another"

# --- who may -----------------------------------------------------------------------------------------

equal "$(stat -c %a "$SOCKET")" 660 "the socket's mode"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  broker_stop
  chmod 755 "$RC_TMP"
  broker_start --socket-mode 0666
  as_nobody() { printf '{"stream":"a","data":"x"}\n' | timeout 20 setpriv --reuid 65534 --regid "$1" --clear-groups socat -t 15 - "UNIX-CONNECT:$SOCKET"; }
  equal "$(as_nobody 65534 | jq -r .error)" forbidden "another user"
  broker_stop
  broker_start --socket-mode 0666 --socket-allow-gid 65533
  equal "$(as_nobody 65534 | jq -r .error)" forbidden "a user of another group"
  equal "$(as_nobody 65533 | jq -r .error)" null "a user of a group that may"
fi
broker_stop
[ ! -e "$SOCKET" ] || fail "the socket is left behind"
