#!/bin/bash
# Installs what the lock file of a folder (tests) names:  scripts/install-npm.sh DIRECTORY [FOLDER]
# Ends with DIRECTORY/.installed, newer than the lock file. Two makes at once take turns.
set -eu

directory=$1
folder=$(cd "$(dirname "$0")/.." && cd "${2:-tests}" && pwd)
mkdir -p "$directory"
exec 9>"$directory.lock"
flock 9
[ "$directory/.installed" -nt "$folder/package-lock.json" ] && exit 0

echo "NPM   $directory"
cp "$folder/package.json" "$folder/package-lock.json" "$directory/"
log=$directory/install.log
if ! (cd "$directory" && npm ci --no-audit --no-fund --ignore-scripts) >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
touch "$directory/.installed"
