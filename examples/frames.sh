#!/usr/bin/env bash
# The lines of frames in README.md, with the answers checked. Needs `make up` and kcat; DOOR and BOOTSTRAP for another place.
set -euo pipefail
door=${DOOR:-http://localhost:${DOOR_PORT:-8080}}
bootstrap=${BOOTSTRAP:-127.0.0.1:${KAFKA_PORT:-9092}}
fail() { echo "frames: $*" >&2; exit 1; }
command -v kcat > /dev/null || fail "kcat is missing: \`apt-get install kcat\`"

field() { grep -oE "\"$1\":\"?[0-9a-z.]+" | head -n 1 | cut -d: -f2 | tr -d '"'; }   # NAME, of the JSON that comes in
reads() { curl -fsS "$door/frames?window=minute&from=$minute&to=$((minute + 60))"; }
letters() { curl -fsS "$door/frames/stats" | field "$1" || true; }
reaches() { # WHAT EXPECTED COMMAND...: within ten seconds, or WAIT
  local what=$1 expected=$2 n got=
  shift 2
  for n in $(seq 1 $((${WAIT:-10} * 10))); do
    got=$("$@" || true)
    [ "$got" = "$expected" ] && { echo "ok    $what: $got"; return; }
    sleep 0.1
  done
  fail "$what: expected $expected, got $got"
}
users() { reads | field unique_users; }
state() { reads | field state; }

now=$(date +%s) minute=$((now - now % 60)) run=$now-$$   # uids of its own, so that it can be run again
curl -fsS "$door/frames/stats" > /dev/null || fail "GET /frames/stats has no answer"
before=$(users || true) bad=$(letters not-json)
for n in 1 2 3 4; do
  printf '{"ts":%s,"uid":"ada-%s"}\n{"other":{"ts":1,"uid":"x"},"uid":"bob-%s","ts":"%s"}\n{"uid":"cy-%s","ts":%s,"more":[{"uid":"y"}]}\n' "$now" "$run" "$run" "$now" "$run" "$now"
done | kcat -P -b "$bootstrap" -t frames
echo "no json" | kcat -P -b "$bootstrap" -t frames
reaches "three more users in the minute" $((${before:-0} + 3)) users
reaches "what is no JSON is a dead letter" $((${bad:-0} + 1)) letters not-json
for window in minute day week month year; do
  curl -fsS "$door/frames?window=$window" | grep -q "^\[{\"window\":\"$window\",\"start\":" || fail "GET /frames?window=$window reads no windows"
done
[ "$(curl -sS -o /dev/null -w '%{http_code}' "$door/frames?window=hour")" = 400 ] || fail "a window that is none was taken"
kcat -C -b "$bootstrap" -t frames.unique-users -o beginning -e -q | grep -q "\"start\":$minute," || fail "the minute is not on frames.unique-users"
# A minute, its lateness and a moment: final even though nothing more comes.
WAIT=90 reaches "the minute is over" final state
echo "frames: all as it should be"
