#!/bin/bash
# HTTP itself: refusals with their problem documents, keep-alive, pipelining, slow and oversized
# requests, limits (mission C6, I5; issue 2, Workers).
# timeout: 180
# smoke
# shellcheck disable=SC1091,SC2153 # what broker.sh sets
source "$(dirname "$0")/broker.sh"

broker_start --request-timeout 1s

# raw BYTES: sends them (escapes as printf %b reads them) on a connection that it then half closes, and prints all
# that comes.
raw() { printf %b "$1" | timeout 20 socat -t 15 - "TCP:127.0.0.1:$PORT" | tr -d '\r'; }
statuses() { sed -nE 's,^HTTP/1\.1 ([0-9]{3}) .*,\1,p' | paste -sd ' '; }
code_in() { grep -oE '"code":"[a-z_]+"' | paste -sd ' '; }

# --- refusals ----------------------------------------------------------------------------------------

problem /nothing/here 404 not_found
problem /streams/ 400 invalid_name
problem '/streams/a%00b' 400 invalid_name
problem '/streams/%ff%fe' 400 invalid_name
problem "/streams/$(printf 'n%.0s' {1..256})" 400 invalid_name
problem '/streams/a%zz' 400 invalid_request
equal "$(jq .position "$RC_TMP/answer.body")" 10 "where a bad escape stands"
problem '/streams/a?from=yesterday' 400 invalid_parameter
problem '/streams/a?from=last:-1' 400 invalid_parameter
problem '/streams/a?from=time:noon' 400 invalid_parameter
problem '/streams/a?from=latest&from=earliest' 400 invalid_parameter
problem '/streams/a?envelope=2' 400 invalid_parameter
problem /streams/a 405 method_not_allowed -X PATCH -d '{}'
equal "$(header answer Allow)" "GET, HEAD, POST, PUT, DELETE, OPTIONS" "Allow of a stream"
problem /events?stream=a 405 method_not_allowed -X DELETE
problem / 405 method_not_allowed -X PUT
equal "$(header answer Allow)" "GET, HEAD, OPTIONS" "Allow of the page"
problem /streams/a 406 not_acceptable -H 'Accept: application/json'
problem /streams/a 406 not_acceptable -H 'Accept: text/event-stream;q=0, text/*'
problem "/streams/a?x=$(printf 'x%.0s' {1..8300})" 414 uri_too_long
problem /streams/a 431 header_too_large -H "X-Long: $(printf 'x%.0s' {1..17000})"
many=()
for i in {1..110}; do many+=(-H "X-$i: 1"); done
problem /streams/a 431 header_too_large "${many[@]}"
problem /healthz 413 too_large -X GET -H 'Content-Type: text/plain' -H 'Expect:' -d "$(printf 'x%.0s' {1..20000})"
answer /healthz
equal "$STATUS $(cat "$RC_TMP/answer.body"; printf end)" $'200 ok\nend' "/healthz"
answer /healthz -I
equal "$STATUS" 200 "HEAD /healthz"
answer /
equal "$STATUS $(header answer Content-Type)" "200 text/html; charset=utf-8" "the page"
matches "$(header answer Content-Security-Policy)" "default-src 'none'" "the page's policy"

equal "$(raw 'GET /healthz HTTP/1.1\r\n\r\n' | code_in)" '"code":"invalid_request"' "no Host"
equal "$(raw 'HEAD /healthz HTTP/1.1\r\n\r\n' | tail -n 1)" "" "HEAD without Host has no body"
equal "$(raw 'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n' | statuses)" 400 "two Hosts"
equal "$(raw 'GET /healthz HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n' | statuses)" 400 "a folded field"
equal "$(raw 'GET /healthz HTTP/1.1\nHost: a\n\n' | statuses)" 400 "lines without CR"
equal "$(raw 'GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n' | statuses)" 400 \
  "two lengths"
equal "$(raw 'GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n' | statuses)" 505 "HTTP/2.0"
equal "$(raw '\x16\x03\x01\x02\x00\x01\x00' | statuses)" 400 "TLS on a plain port"
equal "$(raw 'GET /healthz HTTP/1.0\r\n\r\n' | statuses)" 200 "HTTP/1.0 needs no Host"
equal "$(raw 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' | statuses)" 200 "OPTIONS *"

# --- keep-alive and pipelining -----------------------------------------------------------------------

get='HTTP/1.1\r\nHost: a\r\n\r\n'
last='HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
# An error leaves the connection usable: two one after the other, the second sent after the first's answer.
exec {connection}<>"/dev/tcp/127.0.0.1/$PORT"
read_head() { # status of the next answer on $connection; skips its body
  local line length=0 status=""
  while read -r -t 10 -u "$connection" line; do
    line=${line%$'\r'}
    [ -n "$status" ] || status=${line#HTTP/1.1 }
    case $line in [Cc]ontent-[Ll]ength:*) length=${line#*: } ;; '') break ;; esac
  done
  [ "$length" = 0 ] || read -r -t 10 -N "$length" -u "$connection" line
  HEAD_STATUS=${status%% *}
}
printf %b "GET /nothing $get" >&"$connection"
read_head
equal "$HEAD_STATUS" 404 "the first of two requests on a connection"
printf %b "GET /streams/a?from=x $get" >&"$connection"
read_head
equal "$HEAD_STATUS" 400 "the second of two requests on a connection"
printf %b "HEAD / $get" >&"$connection"
head_length() { local line; while read -r -t 10 -u "$connection" line && [ "$line" != $'\r' ]; do :; done; }
head_length
printf %b "GET /healthz $last" >&"$connection"
read_head
equal "$HEAD_STATUS" 200 "a request after HEAD, whose answer has no body"
exec {connection}>&-

equal "$(raw "GET /a ${get}GET /healthz ${get}POST /events ${get}GET /healthz $last" | statuses)" "404 200 405 200" \
  "pipelined requests, answered in order"
equal "$(raw "POST /events HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 4\\r\\n\\r\\nGET GET /healthz $last" | statuses)" \
  "405 200" "a body is passed over"
equal "$(raw "GET /a HTTP/1.1\\r\\nHost: a\\r\\nX:\\x01\\r\\n\\r\\nGET /healthz $last" | statuses)" 400 \
  "what follows a broken request is not looked at"
# Requests in front of a subscription, and the subscription behind them.
publish_later() { sleep 0.3; lines '{"stream":"piped","data":"through"}' >/dev/null; }
publish_later &
helpers+=($!)
piped=$({ printf %b "GET /healthz ${get}GET /streams/piped $get"; sleep 2; } |
  timeout 20 socat -t 0.1 - "TCP:127.0.0.1:$PORT" | tr -d '\r')
matches "$piped" 'HTTP/1.1 200 OK.*ok.*text/event-stream.*data: through' \
  "a stream after another request on the same connection"
# One byte at a time.
slowly() { local i; for ((i = 0; i < ${#1}; i++)); do printf '%s' "${1:i:1}"; sleep 0.005; done; }
equal "$(slowly $'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' |
  timeout 20 socat -t 15 - "TCP:127.0.0.1:$PORT" | statuses)" 200 "a request byte by byte"

# --- slow ones ---------------------------------------------------------------------------------------

# After part of a request: 408 and the end. After none at all: the end without a word.
until_end() { # what comes on a connection that sent these bytes and nothing more, until it ends
  exec {connection}<>"/dev/tcp/127.0.0.1/$PORT"
  printf %b "$1" >&"$connection"
  timeout 20 cat <&"$connection" || fail "a connection that sent '$1' is not ended"
  exec {connection}>&-
}
slow=$(until_end 'GET /healthz HTTP/1.1\r\nHos') || exit 1
equal "$(statuses <<<"$slow")" 408 "a slow request"
equal "$(code_in <<<"$slow")" '"code":"request_timeout"' "a slow request's code"
matches "$slow" 'Connection: close' "a slow request ends the connection"
silent=$(until_end '') || exit 1
equal "$silent" "" "a connection that asks for nothing"

broker_stop

# --- limits and settings -----------------------------------------------------------------------------

broker_start --connections-max 2 --unknown-stream 404 --retry 250ms
lines '{"stream":"a","data":"1"}' >/dev/null
problem /streams/unknown 404 stream_not_found
problem '/events?stream=a&stream=unknown' 404 stream_not_found
is_empty() { [ "$(lines '{"op":"status"}' | jq '[.workers[].connections] | add')" = 0 ]; }
patiently is_empty || fail "connections that ended are still counted"
stream_open one /streams/a
stream_open two '/events?stream=a'
equal "$(sed -n 2p "$RC_TMP/one.body")" "retry: 250" "--retry"
problem /streams/a 503 too_many_connections
matches "$(header answer Retry-After)" '^[0-9]+$' "Retry-After"
stream_close one
has_room() { answer /healthz; [ "$STATUS" = 200 ]; }
patiently has_room || fail "the place of one that left is not given to another"
stream_close two
broker_stop
