#!/bin/bash
# Runs the tests of the real binary:  tests/integration/run.sh [FOLDER...]
# Without a folder: tests/integration and tests/crash. Every test_*.sh and test_*.mjs, in order. They find in
# their environment RINGCAST_BIN (the binary), RINGCAST_BUILD (its build directory, test programs are
# in its integration/), RINGCAST_ROOT, RC_TMP (a directory of their own), RC_NPM (see tests/npm.mjs),
# RC_SANITIZE (address, thread, coverage: the binary is that much slower; else empty).
# RC_SMOKE=1 runs only those with a line `# smoke` or `// smoke` near the top; ONLY=text those whose
# path holds it.
set -u

RINGCAST_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
export RINGCAST_ROOT
cd "$RINGCAST_ROOT" || exit 1
export RINGCAST_BUILD=${RINGCAST_BUILD:-$RINGCAST_ROOT/build}
export RINGCAST_BIN=${RINGCAST_BIN:-$RINGCAST_BUILD/ringcast}
export RC_NPM=${RC_NPM:-$RINGCAST_ROOT/build/npm}

[ $# -gt 0 ] || set -- tests/integration tests/crash
tests=()
for folder in "$@"; do
  for test in "$folder"/test_*.sh "$folder"/test_*.mjs; do
    [ -f "$test" ] || continue
    case $test in *"${ONLY:-}"*) ;; *) continue ;; esac
    if [ -n "${RC_SMOKE:-}" ] && ! head -n 15 "$test" | grep -qE '^(#|//) smoke'; then
      continue
    fi
    tests+=("$test")
  done
done

if [ ${#tests[@]} -gt 0 ] && [ ! -x "$RINGCAST_BIN" ]; then
  echo "run.sh: no binary at $RINGCAST_BIN" >&2
  exit 1
fi
exec scripts/run-tests.sh ${tests[@]+"${tests[@]}"}
