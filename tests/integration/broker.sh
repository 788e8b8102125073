# Sourced by the tests in bash: a broker of their own, and what they all check with. A test that fails
# ends at once with the broker's log; nothing that was started outlives it.
# shellcheck shell=bash disable=SC2034 # variables that the tests read
set -u
export RINGCAST_ADMIN_LISTEN=${RINGCAST_ADMIN_LISTEN:-none} # several tests run side by side

: "${RINGCAST_BIN:?run by tests/integration/run.sh}" "${RC_TMP:?}"
# How often a thing is looked at, 20 times a second, before it is given up: 15 s, more where all is slow.
PATIENCE=300
[ -z "${RC_SANITIZE:-}" ] || PATIENCE=1200

BROKER_LAUNCHER=() # a command in front of the broker's, which it replaces itself with
BROKER_PID=
BROKER_LOG=$RC_TMP/broker.log
SOCKET=$RC_TMP/broker.sock
DATA=$RC_TMP/data
PORT=
URL=
helpers=() # process ids, ended with the test

fail() {
  printf 'FAILED at line %s: %s\n' "${BASH_LINENO[${#BASH_LINENO[@]} - 2]}" "$*" >&2
  exit 1
}

clean_up() {
  local status=$?
  trap - EXIT
  if [ "$status" != 0 ] && [ -f "$BROKER_LOG" ]; then
    printf '%s\n' '--- the broker said:' >&2
    tail -n 40 "$BROKER_LOG" >&2
  fi
  local pid
  for pid in "${helpers[@]}" $BROKER_PID; do
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  exit "$status"
}
trap clean_up EXIT
trap 'exit 143' TERM INT

# patiently COMMAND...: until it succeeds. Fails when it never does.
patiently() {
  local i
  for ((i = 0; i < PATIENCE; i++)); do
    "$@" && return 0
    sleep 0.05
  done
  return 1
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# wait_end PID: waits for a child that is about to end; its exit status is in ENDED.
wait_end() {
  patiently is_gone "$1" || fail "process $1 does not end"
  wait "$1" 2>/dev/null
  ENDED=$?
}

has_printed_or_ended() { [ -s "$RC_TMP/broker.out" ] || is_gone "$BROKER_PID"; }

# broker_start [FLAG...]: sets BROKER_PID, PORT and URL. The data directory and the socket stay the same
# from one start to the next.
broker_start() {
  local listen=(--listen 127.0.0.1:0)
  [[ " $* " != *" --listen "* ]] || listen=()
  : >"$RC_TMP/broker.out"
  "${BROKER_LAUNCHER[@]}" "$RINGCAST_BIN" serve "${listen[@]}" --socket "$SOCKET" --data-dir "$DATA" --workers 2 "$@" \
    >"$RC_TMP/broker.out" 2>>"$BROKER_LOG" &
  BROKER_PID=$!
  patiently has_printed_or_ended || fail "the broker prints nothing"
  PORT=$(grep -oE -m 1 '127\.0\.0\.1:[0-9]+' "$RC_TMP/broker.out" | head -n 1 | cut -d : -f 2)
  [ -n "$PORT" ] || fail "the broker did not start: $(cat "$RC_TMP/broker.out")"
  URL=http://127.0.0.1:$PORT
}

# broker_stop: as an operator does; fails unless it ends well.
broker_stop() {
  kill -TERM "$BROKER_PID" || fail "the broker is gone"
  wait_end "$BROKER_PID"
  BROKER_PID=
  [ "$ENDED" = 0 ] || fail "the broker's exit status is $ENDED"
}

broker_kill() {
  kill -KILL "$BROKER_PID" || fail "the broker is gone"
  wait "$BROKER_PID" 2>/dev/null
  BROKER_PID=
}

equal() { # ACTUAL EXPECTED WHAT
  [ "$1" = "$2" ] || fail "$3: $(printf 'expected %q, got %q' "$2" "$1")"
}

matches() { # TEXT REGEX WHAT
  [[ $1 =~ $2 ]] || fail "$3: $(printf '%q does not match %s' "$1" "$2")"
}

# lines LINE...: sends them to the socket, prints the answers. lines_of_file FILE the same.
lines() { printf '%s\n' "$@" | timeout 20 socat -t 15 - "UNIX-CONNECT:$SOCKET"; }

# publish JSON: one event, acknowledged; its id is in ID, its place in its stream in SEQUENCE.
publish() {
  local answer
  answer=$(lines "$1") || fail "cannot publish $1"
  ID=$(jq -r '.id // empty' <<<"$answer")
  SEQUENCE=$(jq -r '.sequence // empty' <<<"$answer")
  [ -n "$ID" ] || fail "not published: $1: $answer"
}

# stream_open NAME PATH [CURL OPTION...]: subscribes in the background. Its header and body grow in
# $RC_TMP/NAME.header and NAME.body; it has begun when this returns.
declare -A stream_pids=()
has_begun() { grep -q $'^\r$' "$RC_TMP/$1.header" 2>/dev/null || is_gone "${stream_pids[$1]}"; }
stream_open() {
  local name=$1 path=$2
  shift 2
  : >"$RC_TMP/$name.header"
  : >"$RC_TMP/$name.body"
  curl -sN --max-time 60 -D "$RC_TMP/$name.header" -o "$RC_TMP/$name.body" "$@" "$URL$path" &
  stream_pids[$name]=$!
  helpers+=($!)
  patiently has_begun "$name" || fail "no answer to $path"
}
stream_close() {
  kill "${stream_pids[$1]}" 2>/dev/null
  wait "${stream_pids[$1]}" 2>/dev/null
}

# is_in NAME TEXT: whether the body holds it. (To grep, a line end separates alternatives.)
is_in() {
  if [[ $2 == *$'\n'* ]]; then
    [[ $(cat "$RC_TMP/$1.body" && printf .) == *"$2"* ]]
  else
    grep -qaF -- "$2" "$RC_TMP/$1.body"
  fi
}
# stream_wait NAME TEXT: until the body holds the text.
stream_wait() {
  patiently is_in "$1" "$2" || fail "$1 never gets '$2': $(cat "$RC_TMP/$1.body")"
}
body() { cat "$RC_TMP/$1.body"; }
header() { # NAME FIELD: its value
  sed -nE "s/^$2: (.*)\r\$/\1/ip" "$RC_TMP/$1.header"
}
status_of() { sed -nE '1s,^HTTP/1\.1 ([0-9]+) .*,\1,p' "$RC_TMP/$1.header"; }

# answer PATH [CURL OPTION...]: a whole answer, in $RC_TMP/answer.header and .body. Its status is in STATUS.
answer() {
  local path=$1
  shift
  STATUS=$(curl -s --max-time 20 -D "$RC_TMP/answer.header" -o "$RC_TMP/answer.body" \
    -w '%{http_code}' "$@" "$URL$path")
}

# problem PATH STATUS CODE [CURL OPTION...]: that the answer is this problem document.
problem() {
  local path=$1 status=$2 code=$3
  shift 3
  answer "$path" "$@"
  equal "$STATUS" "$status" "status of $path"
  equal "$(header answer Content-Type)" application/problem+json "content type of $path"
  equal "$(jq -r '"\(.type) \(.status) \(.code)"' "$RC_TMP/answer.body")" \
    "urn:ringcast:error:$code $status $code" "problem of $path"
}
