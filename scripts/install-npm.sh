#!/bin/bash
# Installs what tests/package-lock.json names:  scripts/install-npm.sh DIRECTORY
# Ends with DIRECTORY/.installed, newer than the lock file. Two makes at once take turns.
set -eu

directory=$1
tests=$(cd "$(dirname "$0")/../tests" && pwd)
mkdir -p "$directory"
exec 9>"$directory.lock"
flock 9
[ "$directory/.installed" -nt "$tests/package-lock.json" ] && exit 0

echo "NPM   $directory"
cp "$tests/package.json" "$tests/package-lock.json" "$directory/"
log=$directory/install.log
if ! (cd "$directory" && npm ci --no-audit --no-fund --ignore-scripts) >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
touch "$directory/.installed"
