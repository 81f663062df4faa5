#!/usr/bin/env bash
# The curl lines of flows in README.md, each with its answer checked. Needs `make up`; DOOR=http://host:port for another place.
set -euo pipefail
door=${DOOR:-http://localhost:${DOOR_PORT:-8080}}
base=$(date +%s)   # hours of its own, so that it can be run again
fail() { echo "flows: $*" >&2; exit 1; }
same() { [ "$2" = "$3" ] && echo "ok    $1" || fail "$1: expected $2, got $3"; }

post() { curl -sS -o /tmp/flows.$$ -w '%{http_code}' -X POST "$door/flows" "$@"; }
trap 'rm -f /tmp/flows.$$' EXIT

reads() { # HOUR EXPECTED: within ten seconds
  local n got
  for n in $(seq 1 100); do
    got=$(curl -sS "$door/flows?hour=$1")
    [ "$got" = "$2" ] && { echo "ok    hour $1 reads $2"; return; }
    sleep 0.1
  done
  fail "hour $1: expected $2, got $got"
}

h1=$base h2=$((base + 1)) h3=$((base + 2))
same "the example is taken" 204 "$(post -d '[
  {"src_app":"foo","dest_app":"bar","vpc_id":"vpc-0","bytes_tx":100,"bytes_rx":300,"hour":'$h1'},
  {"src_app":"foo","dest_app":"bar","vpc_id":"vpc-0","bytes_tx":200,"bytes_rx":600,"hour":'$h1'},
  {"src_app":"baz","dest_app":"qux","vpc_id":"vpc-0","bytes_tx":100,"bytes_rx":500,"hour":'$h1'},
  {"src_app":"baz","dest_app":"qux","vpc_id":"vpc-0","bytes_tx":100,"bytes_rx":500,"hour":'$h2'},
  {"src_app":"baz","dest_app":"qux","vpc_id":"vpc-1","bytes_tx":100,"bytes_rx":500,"hour":'$h2'}]')"
reads "$h1" '[{"src_app":"baz","dest_app":"qux","vpc_id":"vpc-0","bytes_tx":100,"bytes_rx":500,"hour":'$h1'},{"src_app":"foo","dest_app":"bar","vpc_id":"vpc-0","bytes_tx":300,"bytes_rx":900,"hour":'$h1'}]'
reads "$h2" '[{"src_app":"baz","dest_app":"qux","vpc_id":"vpc-0","bytes_tx":100,"bytes_rx":500,"hour":'$h2'},{"src_app":"baz","dest_app":"qux","vpc_id":"vpc-1","bytes_tx":100,"bytes_rx":500,"hour":'$h2'}]'
reads "$h3" '[]'

one='[{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":1,"bytes_rx":2,"hour":'$h3'}]'
for n in 1 2 3; do same "an array under a key, time $n" 204 "$(post -H "Idempotency-Key: example-$base" -d "$one")"; done
reads "$h3" "$one"

same "a fraction is refused" 400 "$(post -d '[{"src_app":"a","dest_app":"b","vpc_id":"v","bytes_tx":1.5,"bytes_rx":2,"hour":1}]')"
same "by index and field" '[0].bytes_tx' "$(sed -nE 's/.*"field":"([^"]*)".*/\1/p' /tmp/flows.$$)"
same "a missing field is refused" 400 "$(post -d '[{"src_app":"a"}]')"
same "a hour that is none is refused" 400 "$(curl -sS -o /dev/null -w '%{http_code}' "$door/flows?hour=-1")"
echo "flows: all as it should be"
