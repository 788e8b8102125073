#!/bin/bash
# No file of more than 600 lines. (clang-tidy checks the length of functions.)
set -eu
cd "$(dirname "$0")/.."

status=0
while IFS= read -r file; do
  lines=$(wc -l <"$file")
  if [ "$lines" -gt 600 ]; then
    echo "$file: $lines lines, more than 600: is it two nouns?"
    status=1
  fi
done < <(find src include perf tests scripts -type f \
           \( -name '*.[ch]' -o -name '*.sh' -o -name '*.js' -o -name '*.mjs' \) 2>/dev/null)
exit "$status"
