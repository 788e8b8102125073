#!/bin/bash
# The manual pages and the completion scripts, which the binary writes from its tables: roff finds nothing
# to warn of, every key stands where it should, and bash completes with what the script says.
# timeout: 60
set -eu
ringcast=$RINGCAST_BIN
cd "$RC_TMP"
failures=0

expect() { # what, wanted, got
  [ "$2" = "$3" ] && return
  printf '%s:\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3" >&2
  failures=$((failures + 1))
}

for page in ringcast.1 ringcast.toml.5 ringcast-metrics.7 ringcast.toml; do
  # shellcheck disable=SC2094 # it reads no file
  "$ringcast" manual $page >$page
done
if command -v man >/dev/null; then
  for page in ringcast.1 ringcast.toml.5 ringcast-metrics.7; do
    expect "what roff says of $page" '' "$(man --warnings -E UTF-8 -l -Tutf8 -Z $page 2>&1 >/dev/null)"
  done
fi

# Every flag of the broker is in the page and, but for those that are in no file, in the file.
keys=$("$ringcast" serve --help | awk '/^\[tests\]/ { exit } /^\[/ { told = 1 }
  told && match($0, /--[a-z-]+/) && /^  / { print substr($0, RSTART, RLENGTH) }')
[ "$(wc -w <<<"$keys")" -gt 50 ] || expect 'how many keys the help has' 'more than 50' "$(wc -w <<<"$keys")"
for key in $keys; do
  escaped=${key//-/\\-}
  grep -qF -- "$escaped, RINGCAST_" ringcast.toml.5 || expect "$key in ringcast.toml(5)" there missing
done
expect 'keys in the file and in the page' "$(grep -c '^\.TP' ringcast.toml.5)" "$(grep -cE '^# ?[a-z_]+ = ' ringcast.toml)"
for command in serve publish subscribe status 'token make' 'log verify' vitals; do
  grep -qF ".SS \"ringcast $command" ringcast.1 || expect "$command in ringcast(1)" there missing
done
for flag in ephemeral from dry-run; do
  grep -qF -- "\\-\\-${flag//-/\\-}\\fR" ringcast.1 || expect "--$flag in ringcast(1)" there missing
done

# --- completion ---

eval "$("$ringcast" completion bash)"
complete_words() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  _ringcast
  echo "${COMPREPLY[*]-}"
}
expect 'commands' 'serve subscribe status' "$(complete_words ringcast s)"
expect 'flags' '--lag-events --lag-bytes --lag-policy' "$(complete_words ringcast serve --lag)"
expect 'choices' 'drop_oldest drop_newest drop_lowest' "$(complete_words ringcast serve --lag-policy drop_)"
expect 'choices behind =' 'disconnect' "$(complete_words ringcast serve --lag-policy = dis)"
expect 'choices right behind =' 'drop_oldest drop_newest drop_lowest disconnect block' "$(complete_words ringcast serve --lag-policy =)"
expect 'verbs' 'make' "$(complete_words ringcast token ma)"
expect 'flags of verbs' '--kid' "$(complete_words ringcast token make --ki)"
expect 'a letter' 'received' "$(complete_words ringcast publish -a re)"
expect 'pages' 'ringcast.toml.5 ringcast.toml' "$(complete_words ringcast manual ringcast.t)"
expect 'help' 'token' "$(complete_words ringcast help to)"
expect 'what nothing is known of' '' "$(complete_words ringcast serve --listen '')"
touch some.key
expect 'files' 'some.key' "$(complete_words ringcast token make --key some)"

if command -v zsh >/dev/null; then
  "$ringcast" completion zsh >_ringcast
  zsh -n _ringcast || expect 'zsh' 'no fault' 'one'
fi
if command -v fish >/dev/null; then
  "$ringcast" completion fish >ringcast.fish
  fish_completes() { HOME=$PWD fish --no-config -c "source ringcast.fish; complete -C '$1'" | cut -f 1 | paste -sd ' '; }
  expect 'fish: flags' '--lag-policy' "$(fish_completes 'ringcast serve --lag-p')"
  expect 'fish: verbs' 'inspect key make' "$(fish_completes 'ringcast token ')"
  expect 'fish: flags of verbs' '--kid' "$(fish_completes 'ringcast token make --ki')"
fi

for wrong in 'manual nothing' 'completion sh' 'manual' 'completion'; do
  status=0
  # shellcheck disable=SC2086 # words
  "$ringcast" $wrong >/dev/null 2>&1 || status=$?
  expect "the status of $wrong" 2 $status
done
exit $((failures > 0))
