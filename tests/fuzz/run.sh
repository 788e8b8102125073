#!/bin/bash
# Runs the fuzz targets:  tests/fuzz/run.sh BUILD_DIRECTORY SECONDS
# Each over its corpus (tests/fuzz/corpus/NAME) and then for SECONDS with what it finds, on a copy, so
# that the repository stays as it is; findings go to BUILD_DIRECTORY/findings. ONLY=text runs those
# whose name holds it. As many at a time as there are processors.
set -u

build=$1
seconds=$2
findings=$build/findings
cd "$(dirname "$0")/../.." || exit 1

run_one() {
  local program=$1 name corpus log
  name=$(basename "$program")
  name=${name#fuzz_}
  corpus=$(mktemp -d "${TMPDIR:-/tmp}/ringcast-fuzz.XXXXXX")
  log=$corpus.log
  if [ -d "tests/fuzz/corpus/$name" ]; then cp -r "tests/fuzz/corpus/$name/." "$corpus/"; fi
  mkdir -p "$findings"
  if timeout -k 5 $((seconds + 120)) "$program" -max_total_time="$seconds" -timeout=10 \
      -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$findings/$name-" "$corpus" \
      >"$log" 2>&1 </dev/null; then
    echo "PASS fuzz/$name ($(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs in $seconds s)"
  else
    echo "FAIL fuzz/$name"
    tail -n 60 "$log" | sed 's/^/    /'
  fi
  rm -rf "$corpus" "$log"
}
export -f run_one
export seconds findings

programs=()
for program in "$build"/fuzzers/fuzz_*; do
  [ -f "tests/fuzz/$(basename "$program").c" ] || continue
  case $program in *"${ONLY:-}"*) programs+=("$program") ;; esac
done

results=$(mktemp "${TMPDIR:-/tmp}/ringcast-fuzz.XXXXXX")
# shellcheck disable=SC2016 # $1 is for the inner shell
printf '%s\n' ${programs[@]+"${programs[@]}"} |
  xargs -r -n 1 -P "$(nproc)" bash -c 'run_one "$1"' run_one | tee "$results"
passed=$(grep -c '^PASS ' "$results")
rm -f "$results"
failed=$((${#programs[@]} - passed))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
