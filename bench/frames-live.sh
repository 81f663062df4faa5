#!/usr/bin/env bash
# One processor counting frames of now, with local-broker and the sender on the same machine: how many it takes, then how far behind it is at 0.5, 0.9 and 1.1 of them, how soon
# early and final results come: bench/frames-live.sh [SECONDS] (SHARES="0.5 0.9 1.1")
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
seconds=${1:-20}
port=${BENCH_PORT:-17493} http=${BENCH_HTTP_PORT:-17494}
data=$(mktemp -d)
broker='' processor=''
cleanup() {
  for pid in $processor $broker; do kill "$pid" 2> /dev/null || true; done
  wait 2> /dev/null || true
  rm -rf -- "$data"
}
trap cleanup EXIT
bin() { echo "$root/artifacts/bin/$1/release/Tally.$2.dll"; }
for project in local-broker processor-service bench/Frames; do dotnet build "$root/$project" -c Release -v quiet --nologo > /dev/null; done
printf '0123456789abcdef%.0s' 1 2 3 4 > "$data/hash.key"
export Kafka__BootstrapServers=127.0.0.1:$port HashKey__File=$data/hash.key Processor__Jobs=frames Http__Port=$http State__Directory=$data/state
dotnet "$(bin LocalBroker LocalBroker)" --data "$data/broker" --port "$port" > "$data/broker.log" 2>&1 & broker=$!
until grep -q ready "$data/broker.log"; do kill -0 $! 2> /dev/null || { cat "$data/broker.log" >&2; exit 1; }; sleep 0.1; done
dotnet "$(bin ProcessorService ProcessorService)" create-topics > "$data/topics.log" 2>&1
dotnet "$(bin ProcessorService ProcessorService)" > "$data/processor.log" 2>&1 & processor=$!
until curl -fsS "http://127.0.0.1:$http/health/ready" > /dev/null 2>&1; do sleep 0.2; done
# In a minute of its own, or the frames of the run before would count as this one's.
live() { sleep $((60 - $(date +%s) % 60)); dotnet "$(bin Frames FramesBench)" live "127.0.0.1:$port" "$1" "$seconds"; }
whole=$(live 0)
echo "$whole"
rate=$(sed -E 's/.*counted_per_second=([0-9]+).*/\1/' <<< "$whole")
for share in ${SHARES:-0.5 0.9 1.1}; do
  echo "share=$share $(live "$(awk -v r="$rate" -v s="$share" 'BEGIN { printf "%d", r * s }')")"
done
awk '/VmHWM/ { print "processor peak_rss_mib=" int($2 / 1024) }' "/proc/$processor/status"
