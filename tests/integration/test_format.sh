#!/bin/bash
# A data directory that an earlier ringcast wrote (format 1: settings without owner and content type, no
# ends; format_1.tar.gz) is served as it stands: its checkpoint knows the settings of two streams, the
# blocks behind it, of a broker that was killed, those of others. From then on it is of format 2.
# timeout: 120
# shellcheck disable=SC1091,SC2153 # what broker.sh sets
source "$(dirname "$0")/broker.sh"

FLAGS=(--segment-bytes 64KiB --event-bytes-max 4KiB --tail-bytes 16MiB --retention-age 36600d)
versions() { # of every file that has one
  local file
  for file in "$DATA"/meta "$DATA"/checkpoint; do
    od -An -tu4 -j12 -N4 "$file" | tr -d ' '
  done | sort -u | xargs
}
stream() { # NAME FIELD...
  jq -c --arg name "$1" ".streams[] | select(.name == \$name) | [$2]" <<<"$streams"
}
check() { # WHEN
  streams=$(lines '{"op":"streams"}')
  equal "$(stream kept '.last_sequence >= 3, .overflow, .lag_events, .threshold, .producer_wait, .state')" \
    '[true,"block",50,0.5,2000,null]' "settings of the checkpoint, $1"
  equal "$(stream later '.overflow, .lag_bytes')" '["drop_newest",65536]' "settings of the blocks, $1"
  equal "$(stream limited '.discarded_id > .last_id')" '[true]' "a discard, $1"
  stream_open "kept-$2" '/streams/kept?from=earliest'
  stream_wait "kept-$2" "data: six"
  equal "$(sed -n 's/^data: //p' "$RC_TMP/kept-$2.body" | xargs)" "one two six" "events, $1"
  stream_close "kept-$2"
}

mkdir -m 700 "$DATA"
tar -xzf "$RINGCAST_ROOT/tests/integration/format_1.tar.gz" -C "$DATA"
equal "$(versions)" 1 "the format before"
for file in "$DATA"/*; do cp "$file" "$RC_TMP/before-${file##*/}"; done
"$RINGCAST_BIN" log verify --data-dir "$DATA" >"$RC_TMP/verify" || fail "verify: $(cat "$RC_TMP/verify")"
"$RINGCAST_BIN" log repair --data-dir "$DATA" >"$RC_TMP/repair" || fail "repair: $(cat "$RC_TMP/repair")"
equal "$(cat "$RC_TMP/repair")" "nothing to repair" "repair"
for file in meta checkpoint; do
  cmp "$DATA/$file" "$RC_TMP/before-$file" || fail "the tools changed $file"
done

broker_start "${FLAGS[@]}"
check "at the first start" 1
# What it knows of producers counts, too.
equal "$(lines '{"stream":"kept","data":"two","producer_id":7,"epoch":1,"producer_sequence":1}' | jq -c .duplicate)" \
  true "a repeat of an event of before"
equal "$(lines '{"op":"end","stream":"kept","life":"close"}' '{"stream":"kept","data":"x"}' | jq -r '.done // .error' | xargs)" \
  "true stream_closed" "an end"
broker_kill
broker_start "${FLAGS[@]}"
streams=$(lines '{"op":"streams"}')
equal "$(stream kept .state,.lag_events)" '["closed",50]' "the end after a kill"
broker_stop
equal "$(versions)" 2 "the format after"
"$RINGCAST_BIN" log verify --data-dir "$DATA" >"$RC_TMP/verify" || fail "verify: $(cat "$RC_TMP/verify")"
