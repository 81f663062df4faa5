#!/usr/bin/env bash
# What one trace in ten costs ingest: two instances of command-service on one broker, one of them sampling 10 % (RATIO) and sending its spans by OTLP, under the same
# load in turns, in requests a second and in CPU a request, which swings less. The receiver is an endpoint that does nothing, so that no collector's work counts.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
each=${SECONDS_EACH:-5} turns=${TURNS:-5} connections=${CONNECTIONS:-64} ratio=${RATIO:-0.1}
command -v wrk > /dev/null || { echo "bench: wrk is missing: \`sudo apt-get install wrk\`" >&2; exit 1; }

data=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true; wait; rm -rf -- "$data"' EXIT
bin() { echo "$root/artifacts/bin/$1/release/Tally.$1.dll"; }
[ -f "$(bin EmptyEndpoint)" ] || dotnet build "$here/EmptyEndpoint" -c Release -v quiet --nologo > /dev/null
until_up() { for _ in $(seq 200); do ! curl -fs -o /dev/null "$1" || return 0; sleep 0.1; done; echo "bench: nothing answers at $1" >&2; exit 1; }

head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$data/key"
dotnet "$(bin LocalBroker)" --data "$data/broker" --port 19192 > "$data/broker.log" 2>&1 & pids+=($!)
dotnet "$(bin EmptyEndpoint)" --urls http://127.0.0.1:18099 > /dev/null & pids+=($!)
export Kafka__BootstrapServers=127.0.0.1:19192 HashKey__File="$data/key"
dotnet "$(bin ProcessorService)" create-topics --wait 30 > "$data/topics.log" 2>&1
Http__Port=18081 dotnet "$(bin CommandService)" > "$data/plain.log" 2>&1 & plain=$! pids+=($!)
Http__Port=18082 OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:18099/analytics OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \
  OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG="$ratio" dotnet "$(bin CommandService)" > "$data/traced.log" 2>&1 & traced=$! pids+=($!)
until_up http://127.0.0.1:18081/health/ready
until_up http://127.0.0.1:18082/health/ready

rate() { # PORT PID: requests a second, and microseconds of CPU for each
  local before
  before=$(awk '{ print $14 + $15 }' "/proc/$2/stat")
  wrk -t 1 -c "$connections" -d "${each}s" -s "$here/post.lua" "http://127.0.0.1:$1" > "$data/wrk"
  awk -v ticks=$(($(awk '{ print $14 + $15 }' "/proc/$2/stat") - before)) '/ requests in/ { n = $1 } /Requests\/sec/ { r = int($2) } /Non-2xx/ { print "errors: " $0 > "/dev/stderr" }
    END { printf "%d %.2f\n", r, ticks * 10000 / n }' "$data/wrk"
}
rate 18081 $plain > /dev/null
rate 18082 $traced > /dev/null
for _ in $(seq "$turns"); do
  rate 18081 $plain >> "$data/plain"
  rate 18082 $traced >> "$data/traced"
done
median() { sort -n -k "$2" "$1" | awk -v c="$2" '{ line[NR] = $c } END { print line[int((NR + 1) / 2)] }'; }
awk -v p="$(median "$data/plain" 1)" -v t="$(median "$data/traced" 1)" -v pc="$(median "$data/plain" 2)" -v tc="$(median "$data/traced" 2)" -v r="$ratio" -v n="$connections" \
  'BEGIN { printf "ingest, %d connections: %d/s without traces, %d/s with %s of them sampled: %.1f %% less; CPU a request %.2f and %.2f us: %.1f %% more\n", n, p, t, r, (1 - t / p) * 100, pc, tc, (tc / pc - 1) * 100 }'
echo "each turn: without $(tr '\n' ',' < "$data/plain") with $(tr '\n' ',' < "$data/traced")"
