#!/bin/bash
# ringcast-bench --html: the report is one page that needs nothing else, runs nothing, and takes nothing that it
# was given for HTML.
# timeout: 60
set -eu
bench=$RINGCAST_BUILD/ringcast-bench
page=$RC_TMP/report.html

fail() {
  echo "test_bench_report: $1" >&2
  exit 1
}

"$bench" floor --connections 20 --streams 2 --rate 50 --duration 300ms --warmup 0 --stream '<script>{number}' \
  --header 'Authorization: Bearer sesame' --html "$page"

for part in '<!DOCTYPE html>' 'Good.' 'Latency p99.9' 'Deliveries a second' '<svg ' '&lt;script&gt;{number}' '</html>'; do
  grep -qF -- "$part" "$page" || fail "$part is missing"
done
for part in '<script' 'src=' 'href=' '@import' 'url(' sesame; do
  if grep -qF -- "$part" "$page"; then fail "$part is in it"; fi
done
[ "$(grep -c '<svg ' "$page")" = "$(grep -c '</svg>' "$page")" ] || fail "a chart does not end"

status=0
"$bench" ingest --publish unix:/nowhere --html "$page" 2>"$RC_TMP/errors" || status=$?
[ $status = 2 ] || fail "ingest has no report, but exit status $status"
status=0
"$bench" floor --html "$RC_TMP/no/where.html" 2>"$RC_TMP/errors" || status=$?
[ $status = 2 ] || fail "a report that cannot be written: exit status $status"
grep -q 'no/where.html' "$RC_TMP/errors" || fail "the file is not named"
