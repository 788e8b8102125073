#!/bin/bash
# Runs test programs one after the other:  scripts/run-tests.sh FILE...
# A FILE is a program, a .sh (bash) or a .mjs (node). Each gets a fresh directory in RC_TMP, removed
# afterwards, and a time limit: a line `# timeout: SECONDS` or `// timeout: SECONDS` in the
# source's first 15 lines, else RC_TEST_TIMEOUT, else 300. What it prints is shown only when it fails.
# Processes that it leaves behind are killed, and count as a failure, as do sanitizers' reports. Ends with `N passed, N failed`.
set -u

passed=0
failed=0
failures=()
group=
scratch=
log=$(mktemp "${TMPDIR:-/tmp}/ringcast-log.XXXXXX")

clean_up() {
  [ -z "$group" ] || kill -KILL -- "-$group" 2>/dev/null
  [ -z "$scratch" ] || rm -rf "$scratch" "$scratch".report.*
  rm -f "$log"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

time_limit() {
  local source=$1 marked=
  case $1 in
    */unit/*) source=tests/unit/${1##*/unit/}.c ;;
    */threads/*) source=tests/tsan/${1##*/}.c ;;
  esac
  marked=$(sed -nE '1,15s,^(#|//) timeout: *([0-9]+).*,\2,p' "$source" | head -n 1)
  echo "${marked:-${RC_TEST_TIMEOUT:-300}}"
}

# timeout makes itself the leader of a process group, so that the group holds all that the test starts.
run_one() {
  local test=$1 limit=$2 status=0 left=
  local -a command=("$test")
  case $test in
    *.sh) command=(bash "$test") ;;
    *.mjs) command=(node "$test") ;;
  esac
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/ringcast.XXXXXX")
  local reports=log_path=$scratch.report:print_stacktrace=1
  RC_TMP=$scratch ASAN_OPTIONS=$reports:${ASAN_OPTIONS-} UBSAN_OPTIONS=$reports:${UBSAN_OPTIONS-} \
    TSAN_OPTIONS=log_path=$scratch.report:${TSAN_OPTIONS-} \
    timeout -k 5 "$limit" "${command[@]}" >"$log" 2>&1 </dev/null &
  group=$!
  wait "$group" 2>/dev/null || status=$?
  if [ "$status" = 124 ] || [ "$status" = 137 ]; then
    echo "run-tests: ended after its time limit of $limit s, or killed" >>"$log"
  fi
  for _ in {1..10}; do
    left=$(pgrep -a -r R,S,D,T -g "$group") || break
    sleep 0.1
  done
  if [ -n "$left" ]; then
    printf 'run-tests: left processes behind:\n%s\n' "$left" >>"$log"
    kill -KILL -- "-$group" 2>/dev/null
    [ "$status" != 0 ] || status=1
  fi
  # Reports count whatever the exit status: Criterion takes no notice of a leak, a test of its broker.
  # (A report may hold only a note: LeakSanitizer cannot stop the kernel's io_uring threads.)
  if compgen -G "$scratch.report.*" >/dev/null; then
    if grep -qE '(ERROR|WARNING): [A-Za-z]+Sanitizer|runtime error: ' "$scratch".report.*; then
      cat "$scratch".report.* >>"$log"
      [ "$status" != 0 ] || status=1
    fi
    rm -f "$scratch".report.*
  fi
  group=
  rm -rf "$scratch"
  scratch=
  return "$status"
}

for test in "$@"; do
  name=$(basename "$(dirname "$test")")/$(basename "$test")
  began=$EPOCHREALTIME
  run_one "$test" "$(time_limit "$test")"
  status=$?
  seconds=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", b - a }')
  tests=$(sed -nE 's/.*Synthesis: .*Tested: *([0-9]+) .*/, \1 tests/p' "$log" | tail -n 1)
  if [ "$status" = 0 ]; then
    passed=$((passed + 1))
    echo "PASS $name ($seconds$tests)"
  else
    failed=$((failed + 1))
    failures+=("$name")
    echo "FAIL $name ($seconds, exit status $status)"
    sed 's/^/    /' "$log" | tail -n "${RC_LOG_LINES:-200}"
  fi
done

if [ "$failed" -gt 0 ]; then
  printf 'failed: %s\n' "${failures[@]}"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
