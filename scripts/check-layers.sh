#!/bin/bash
# The layers, one way only: a folder of src/ includes itself and the folders to its left, by paths
# relative to src/. src/client, the public library, includes only itself and <ringcast/...>; the
# public headers include only themselves. src/app/main.c stands above the layers: it knows them all.
set -eu
cd "$(dirname "$0")/.."

layers=$(sed -n 's/^LAYERS := //p' Makefile)
files=$(find src include -name '*.[ch]' | LC_ALL=C sort)
[ -n "$files" ] || exit 0

# shellcheck disable=SC2086 # the names hold no blanks
awk -v layers="$layers" '
  function wrong(message) {
    printf "%s:%d: %s\n", FILENAME, FNR, message
    bad = 1
  }
  BEGIN {
    count = split(layers, names, " ")
    for (i = 1; i <= count; i++) order[names[i]] = i
  }
  FNR == 1 {
    parts = split(FILENAME, path, "/")
    layer = path[1] == "include" ? "include" : path[2]
    if (layer != "include" && layer != "client" && !(layer in order))
      wrong("src/" layer " is no layer; the order is: " layers ", and client")
  }
  /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    quoted = $0 ~ /include[ \t]*"/
    target = $0
    sub(/^[^<"]*[<"]/, "", target)
    sub(/[>"].*/, "", target)
    split(target, piece, "/")
    if (!quoted) {
      if (piece[1] in order && target ~ /\.h$/ && system("test -e src/" target) == 0)
        wrong("include \"" target "\" with quotes")
      if (target == "llhttp.h" && layer != "http")
        wrong("only src/http uses llhttp")
      next
    }
    if (target == "web_assets.h" && layer != "include" && layer != "client") next
    if (target ~ /\.\./ || target !~ /\//) { wrong("\"" target "\" is not relative to src/"); next }
    if (layer == "include") { wrong("a public header includes only <ringcast/...>"); next }
    if (layer == "client") {
      if (piece[1] != "client") wrong("src/client uses include/ only, not \"" target "\"")
      next
    }
    if (FILENAME == "src/app/main.c") next
    if (!(piece[1] in order)) wrong("\"" target "\" is in no layer below")
    else if (order[piece[1]] > order[layer])
      wrong(layer " must not include " target ": " piece[1] " is to its right")
  }
  END { exit bad }
' $files
