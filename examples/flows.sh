#!/usr/bin/env bash
# The curl lines of flows in README.md, each with its answer checked. Needs `make up`; DOOR=http://host:port for another place.
set -euo pipefail
door=${DOOR:-http://localhost:${DOOR_PORT:-8080}}
base=$(date +%s)   # hours of its own, so that it can be run again
fail() { echo "flows: $*" >&2; exit 1; }
same() { [ "$2" = "$3" ] && echo "ok    $1" || fail "$1: expected $2, got $3"; }

post() { curl -sS -D /tmp/flows.$$.headers -o /tmp/flows.$$ -w '%{http_code}' -X POST "$door/flows" "$@"; }
trap 'rm -f /tmp/flows.$$ /tmp/flows.$$.headers' EXIT

reads() { # HOUR EXPECTED: with the position of the last POST, so however far behind the archive is, within a minute
  local position got
  position=$(tr -d '\r' < /tmp/flows.$$.headers | sed -n 's/^Tally-Position: //Ip')
  got=$(curl -sS --retry 6 --retry-max-time 60 "$door/flows?hour=$1&wait=10000&after=$position")
  same "hour $1" "$2" "$got"
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
