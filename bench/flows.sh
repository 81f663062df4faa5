#!/usr/bin/env bash
# Flows a second: a backlog of arrays of a hundred through the processor, then POSTs of such arrays through command-service, with local-broker: bench/flows.sh [ARRAYS] (needs wrk)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
arrays=${1:-30000}
port=${BENCH_PORT:-17593} http=${BENCH_HTTP_PORT:-17594} command_http=${BENCH_COMMAND_PORT:-17595}
command -v wrk > /dev/null || { echo "flows: wrk is missing: \`sudo apt-get install wrk\`" >&2; exit 1; }
data=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  wait 2> /dev/null || true
  rm -rf -- "$data"
}
trap cleanup EXIT
bin() { echo "$root/artifacts/bin/$1/release/Tally.$1.dll"; }
for project in local-broker processor-service command-service feed; do dotnet build "$root/$project" -c Release -v quiet --nologo > /dev/null; done
printf '0123456789abcdef%.0s' 1 2 3 4 > "$data/hash.key"
export Kafka__BootstrapServers=127.0.0.1:$port HashKey__File=$data/hash.key State__Directory=$data/state

counted() { { curl -fsS "http://127.0.0.1:$http/metrics" || true; } 2> /dev/null | awk '/^tally_processor_job_counts/ && /count="flows"/ { n += $NF } END { print n + 0 }'; }
peak() { awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"; }
await() { until [ "$(counted)" -ge "$1" ]; do sleep 0.02; done; }

dotnet "$(bin LocalBroker)" --data "$data/broker" --port "$port" > "$data/broker.log" 2>&1 & pids+=($!)
until grep -q ready "$data/broker.log"; do kill -0 $! 2> /dev/null || { cat "$data/broker.log" >&2; exit 1; }; sleep 0.1; done
dotnet "$(bin ProcessorService)" create-topics > "$data/topics.log" 2>&1
COUNT=$arrays ARRAY=100 BOOTSTRAP=127.0.0.1:$port dotnet "$(bin Feed)" flows | tail -n 1
Processor__Jobs=flows Http__Port=$http dotnet "$(bin ProcessorService)" > "$data/processor.log" 2>&1 & processor=$!
pids+=("$processor")
await 1
first=$(counted) began=$(date +%s%N)
await $((arrays * 100))
took=$((($(date +%s%N) - began) / 1000000))
echo "backlog: flows=$((arrays * 100)) flows_per_second=$(((arrays * 100 - first) * 1000 / (took + 1))) after_the_first=$first processor_peak_rss_mib=$(peak "$processor")"

Http__Port=$command_http dotnet "$(bin CommandService)" > "$data/command.log" 2>&1 & pids+=($!)
until curl -fsS "http://127.0.0.1:$command_http/health/ready" > /dev/null 2>&1; do sleep 0.2; done
wrk -t 1 -c 32 -d 3s -s "$here/flows.lua" "http://127.0.0.1:$command_http" > "$data/warm.log"
before=$(counted) began=$(date +%s%N)
wrk -t 1 -c 32 -d "${SECONDS_EACH:-10}s" -s "$here/flows.lua" "http://127.0.0.1:$command_http" > "$data/wrk.log"
took=$((($(date +%s%N) - began) / 1000000))
after=$(counted)
awk -v counted=$((after - before)) -v ms=$took '/Requests\/sec/ { r = $2 } /Non-2xx/ { bad = $NF }
  END { printf "posted: arrays_per_second=%d flows_per_second=%d other_statuses=%d flows_counted_meanwhile_per_second=%d\n", r, r * 100, bad, counted * 1000 / ms }' "$data/wrk.log"
