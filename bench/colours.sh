#!/usr/bin/env bash
# Colours taken out of Kafka's protocol: bench/colours.sh [COUNT] [SCENARIO…], 3,000,000 of alternate, burst and out-of-order unless said.
# For each: events a second from the first answer to the last event read, bytes held for an event, and the most memory the processor had. LIMIT=0x4000000 is its heap's hard limit.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
count=${1:-3000000}
shift || true
scenarios=("${@:-alternate}")
[ $# -gt 0 ] || scenarios=(alternate burst out-of-order)
port=${BENCH_PORT:-17393} http=${BENCH_HTTP_PORT:-17394}
data=$(mktemp -d)
broker='' processor=''
cleanup() {
  [ -z "$processor" ] || kill -9 "$processor" 2> /dev/null || true
  [ -z "$broker" ] || kill "$broker" 2> /dev/null || true
  wait 2> /dev/null || true
  rm -rf -- "$data"
}
trap cleanup EXIT
bin() { echo "$root/artifacts/bin/$1/release/Tally.$1.dll"; }
for project in local-broker processor-service feed; do dotnet build "$root/$project" -c Release -v quiet --nologo > /dev/null; done
printf '0123456789abcdef%.0s' 1 2 3 4 > "$data/hash.key"
export Kafka__BootstrapServers=127.0.0.1:$port HashKey__File=$data/hash.key Processor__Jobs=colours Http__Port=$http State__Directory=$data/state

stat() { curl -fsS "http://127.0.0.1:$http/events/get-stats" 2> /dev/null | grep -oE "\"$1\":[0-9]+" | cut -d: -f2; }

for scenario in "${scenarios[@]}"; do
  dotnet "$(bin LocalBroker)" --data "$data/$scenario" --port "$port" > "$data/broker.log" 2>&1 & broker=$!
  until grep -q ready "$data/broker.log"; do kill -0 $! 2> /dev/null || { cat "$data/broker.log" >&2; exit 1; }; sleep 0.1; done
  dotnet "$(bin ProcessorService)" create-topics > "$data/topics.log" 2>&1
  COUNT=$count SCENARIO=$scenario BOOTSTRAP=127.0.0.1:$port dotnet "$(bin Feed)" colours | tail -n 1
  ${LIMIT:+env DOTNET_GCHeapHardLimit=$LIMIT} dotnet "$(bin ProcessorService)" > "$data/processor.log" 2>&1 & processor=$!
  until first=$(stat events_read) && [ -n "$first" ]; do sleep 0.02; done
  start=$(awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$processor/status")
  began=$(date +%s%N)
  until [ "$(stat events_read)" = "$count" ]; do sleep 0.02; done
  took=$((($(date +%s%N) - began) / 1000000))
  resident() { awk -v what="$1" '$1 == what { print int($2 / 1024) }' "/proc/$processor/status"; }
  echo "scenario=$scenario events=$count events_per_second=$(((count - first) * 1000 / (took + 1))) valid_sets=$(stat valid_sets) aged_out=$(stat events_aged_out)" \
    "bytes_an_event=$(awk -v b="$(stat bytes_held)" -v n="$count" 'BEGIN { printf "%.2f", b / n }') rss_mib=$(resident VmRSS:) peak_rss_mib=$(resident VmHWM:) started_with_mib=$start"
  kill -9 "$processor" && wait "$processor" 2> /dev/null || true
  kill "$broker" && wait "$broker" 2> /dev/null || true
  processor='' broker=''
done
