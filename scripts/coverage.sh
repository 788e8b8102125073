#!/bin/bash
# Prints statement coverage by folder of src/:  scripts/coverage.sh BUILD_DIRECTORY
# Fails if one of the folders below, where it exists, is under 85 %.
set -eu

build=$1
cd "$(dirname "$0")/.."
table=$build/coverage.csv
gcovr --root . --filter 'src/' --exclude 'src/client/examples/' --csv --output "$table" "$build/obj/src" 2>"$build/gcovr.log" || {
  cat "$build/gcovr.log" >&2
  exit 1
}
awk -F, -v floor=85 -v demanded="base ring log wire http ingest" '
  NR == 1 { next }
  {
    split($1, path, "/")
    folder = path[2]
    lines[folder] += $2
    covered[folder] += $3
    printf "%-40s %6d %6d %6.1f %%\n", $1, $2, $3, $2 ? 100 * $3 / $2 : 100
  }
  END {
    printf "\n%-40s %6s %6s %8s\n", "folder", "lines", "run", "coverage"
    count = split(demanded, names, " ")
    for (i = 1; i <= count; i++) must[names[i]] = 1
    for (folder in lines) {
      percent = lines[folder] ? 100 * covered[folder] / lines[folder] : 100
      low = folder in must && percent < floor
      printf "%-40s %6d %6d %6.1f %%%s\n", "src/" folder, lines[folder], covered[folder], percent,
        low ? "  under " floor " %" : "" | "sort"
      bad = bad || low
    }
    close("sort")
    exit bad
  }' "$table"
