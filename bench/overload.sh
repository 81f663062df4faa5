#!/usr/bin/env bash
# Twice and ten times the clients that reach the capacity, and a bound on what may be under way that they exceed: what is accepted stays quick, memory
# flat, every 204 is counted, and the service is itself again at once. wrk is a closed loop: the load is told in connections. Ports 18080 and up.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
each=${SECONDS_EACH:-10}
command -v wrk > /dev/null || { echo "overload: wrk is missing: \`sudo apt-get install wrk\`" >&2; exit 1; }
ulimit -n "$(ulimit -Hn)"
export DATA=${BENCH_DATA:-$(mktemp -d)} DOOR_PORT=18080 COMMAND_PORT=18081 QUERY_PORT=18082 PROCESSOR_PORT=18083 MATERIALIZER_PORT=18084 \
  KAFKA_PORT=19192 REDIS_PORT=16379
command_url=http://127.0.0.1:$COMMAND_PORT query_url=http://127.0.0.1:$QUERY_PORT
trap '"$root/deploy/local/down.sh" > /dev/null; rm -rf -- "$DATA"' EXIT
code=0 acknowledged=0 unknown=0

start() { env "$@" "$root/deploy/local/up.sh" > /dev/null; }
resident() { awk '/VmRSS/ { printf "%d", $2 / 1024 }' "/proc/$(cut -d' ' -f1 "$DATA/run/command.pid")/status"; }
load() { # WHAT CONNECTIONS SECONDS
  local before a r o e rate p99 begun position after
  before=$(resident)
  read -r a r o e rate p99 < <(wrk -t 1 -c "$2" -d "${3}s" --timeout 10s --latency -s "$here/overload.lua" $command_url | sed -n 's/^result //p')
  begun=$EPOCHREALTIME
  # Itself again: an event is taken, and a reader sees it.
  until position=$(curl -fsS -o /dev/null -D - -X POST "$command_url/analytics?timestamp=1&user=probe-$begun&click" 2> /dev/null | tr -d '\r' | sed -n 's/^Tally-Position: //Ip') && [ -n "$position" ]; do sleep 0.05; done
  local taken=$EPOCHREALTIME
  until curl -fsS -o /dev/null "$query_url/analytics?timestamp=1&after=$position&wait=10000" 2> /dev/null; do :; done
  after=$(resident)
  # What was under way when wrk ended may have been stored: one event a connection.
  acknowledged=$((acknowledged + a + 1)) unknown=$((unknown + $2))
  awk -v w="$1" -v c="$2" -v a="$a" -v r="$r" -v o="$o" -v e="$e" -v rate="$rate" -v p="$p99" -v m="$before" -v n="$after" -v b="$begun" -v t="$taken" -v v="$EPOCHREALTIME" \
    'BEGIN { printf "| %s | %d | %d/s | %d | %d | %d | %.0f ms | %d → %d MB | %.2f s | %.1f s |\n", w, c, rate, r, o, e, p, m, n, t - b, v - b }'
  awk -v p="$p99" -v o="$o" -v b="$begun" -v t="$taken" 'BEGIN { exit !(p <= 1000 && o == 0 && t - b <= 10) }' || { echo "overload: $1 was not held" >&2; code=1; }
}
counted() { curl -fsS $query_url/accounting | tr -d ' \n' | grep -o '"counted":[0-9]*' | head -n 1 | tr -dc 0-9; }

start
wrk -t 1 -c 64 -d 5s -s "$here/overload.lua" $command_url > "$DATA/warm"
acknowledged=$(awk '/^result/ { print $2 }' "$DATA/warm") unknown=64
echo "| load | connections | accepted | 503 | other statuses | broken | p99 of the accepted, at most | command-service | takes events again after | a reader sees them after |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
load "capacity" 64 "$each"
load "2 times" 128 "$each"
load "10 times" 640 "$each"
load "burst of a second" 5000 1
"$root/deploy/local/down.sh" > /dev/null
start Ingest__MaxInFlight=64
load "2 times what may be under way (Ingest:MaxInFlight=64)" 128 "$each"
load "10 times what may be under way" 640 "$each"
sleep 3
all=$(counted)
echo "$acknowledged acknowledged, $all counted, at most $unknown broken off when wrk ended"
[ "$all" -ge "$acknowledged" ] && [ "$all" -le $((acknowledged + unknown)) ] || { echo "overload: acknowledged and counted do not agree" >&2; code=1; }
exit $code
