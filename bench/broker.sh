#!/usr/bin/env bash
# local-broker beside a real Kafka (../shared/kafka or KAFKA_HOME_FOR_TESTS; without one, alone): throughput, latency, start-up, memory.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
port=${BENCH_BROKER_PORT:-28092}
data=${BENCH_DATA:-$(mktemp -d)}
trap 'rm -rf -- "$data"' EXIT

dotnet build "$root/local-broker" -c Release -v quiet --nologo > /dev/null
dotnet build "$here/Broker" -c Release -v quiet --nologo > /dev/null
broker="dotnet $root/artifacts/bin/LocalBroker/release/Tally.LocalBroker.dll --port $port"
arguments=("$port" "$broker --data $data/ours --flush never" "pkill -f '^dotnet [^ ]*LocalBroker.dll --port $port'" "$broker --data $data/group --flush group")

kafka=${KAFKA_HOME_FOR_TESTS:-$root/../shared/kafka}/kafka
if [ -x "$kafka" ] && command -v java > /dev/null; then
  with="KAFKA_DIR=$data/kafka KAFKA_PORT=$((port + 10))"
  arguments+=("$with $kafka start" "$with $kafka destroy")
else
  echo "bench: no Kafka with Java 17 here: local-broker alone"
fi
echo "$(nproc) cores, $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo)"
dotnet "$root/artifacts/bin/Broker/release/Tally.BrokerBench.dll" "${arguments[@]}"
