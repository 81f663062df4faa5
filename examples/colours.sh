#!/usr/bin/env bash
# The lines of red, green and blue sets in README.md, with the answers checked. Needs `make up` and kcat; DOOR and BOOTSTRAP for another place.
set -euo pipefail
door=${DOOR:-http://localhost:${DOOR_PORT:-8080}}
bootstrap=${BOOTSTRAP:-127.0.0.1:${KAFKA_PORT:-9092}}
fail() { echo "colours: $*" >&2; exit 1; }
command -v kcat > /dev/null || fail "kcat is missing: \`apt-get install kcat\`"

stat() { curl -fsS --location "$door/events/get-stats" | grep -oE "\"$1\":[0-9]+" | cut -d: -f2; }
send() { printf '%s\n' "$@" | kcat -P -b "$bootstrap" -t events; }
reaches() { # NAME NUMBER WHAT: within ten seconds
  local n
  for n in $(seq 1 100); do
    [ "$(stat "$1")" = "$2" ] && { echo "ok    $3: $1 is $2"; return; }
    sleep 0.1
  done
  fail "$3: $1 is $(stat "$1") and not $2"
}

sets=$(stat valid_sets) read=$(stat events_read) t=$(date +%s%N)   # newer than whatever is there
send "R_$t"
reaches events_read $((read + 1)) "one red came"
reaches valid_sets "$sets" "red alone makes no set"
send "B_$((t + 2))" "G_$((t + 1))"
reaches valid_sets $((sets + 1)) "blue before green, by coming"
send "G_$((t + 11))" "B_$((t + 12))" "R_$((t + 10))" "x"
reaches valid_sets $((sets + 2)) "red last, and a value that is none"
curl -fsS --location "$door/events/get-sets?startTime=0&endTime=$((t + 100))" | grep -q '^{"sets":\[{"r":{"timestamp":' || fail "get-sets gives no sets"
[ "$(curl -sS -o /dev/null -w '%{http_code}' "$door/events/get-sets?startTime=x")" = 400 ] || fail "a range that is none was taken"
echo "colours: all as it should be"
