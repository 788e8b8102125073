#!/bin/bash
# Writes the files below a folder as C arrays:  scripts/embed.sh OUTPUT_DIRECTORY FOLDER
# OUTPUT_DIRECTORY/web_assets.h and .c, a table of path, content type and bytes, sorted by path. A
# folder without files, or none, gives an empty table.
set -eu

output=$1
folder=$2

content_type() {
  case $1 in
    *.html) echo "text/html; charset=utf-8" ;;
    *.css) echo "text/css; charset=utf-8" ;;
    *.js | *.mjs) echo "text/javascript; charset=utf-8" ;;
    *.json | *.map) echo "application/json" ;;
    *.svg) echo "image/svg+xml" ;;
    *.png) echo "image/png" ;;
    *.ico) echo "image/x-icon" ;;
    *.woff2) echo "font/woff2" ;;
    *.txt | *.md) echo "text/plain; charset=utf-8" ;;
    *) echo "application/octet-stream" ;;
  esac
}

cat >"$output/web_assets.h" <<'HEADER'
/* Made by scripts/embed.sh from src/web: the files that the broker serves. */
#ifndef RINGCAST_WEB_ASSETS_H
#define RINGCAST_WEB_ASSETS_H

#include <stddef.h>

struct web_asset {
    const char *path; /* relative to src/web, without a leading slash */
    const char *content_type;
    const unsigned char *bytes;
    size_t length;
};

extern const struct web_asset web_assets[]; /* web_assets_count of them, sorted by path */
extern const size_t web_assets_count;

#endif
HEADER

files=()
if [ -d "$folder" ]; then
  while IFS= read -r file; do
    files+=("$file")
  done < <(cd "$folder" && find . -type f ! -name '*.md' ! -name '.*' | sed 's,^\./,,' | LC_ALL=C sort)
fi

{
  echo '/* Made by scripts/embed.sh. */'
  echo '#include "web_assets.h"'
  # Each array ends in a zero, so that none is empty.
  for i in "${!files[@]}"; do
    echo
    echo "static const unsigned char bytes_${i}[] = {"
    od -An -v -tu1 "$folder/${files[i]}" | sed -E 's/ +([0-9]+)/\1,/g'
    echo "0};"
  done
  echo
  echo "const struct web_asset web_assets[] = {"
  for i in "${!files[@]}"; do
    printf '    {"%s", "%s", bytes_%d, %d},\n' "${files[i]}" "$(content_type "${files[i]}")" "$i" \
      "$(wc -c <"$folder/${files[i]}")"
  done
  echo "    {NULL, NULL, NULL, 0},"
  echo "};"
  echo "const size_t web_assets_count = ${#files[@]};"
} >"$output/web_assets.c"
