#!/usr/bin/env bash
# A backlog worked off by Tally, by a plain consumer and by the peers of ../shared/peers, in turns on one broker: bench/processing.sh [EVENTS] [ZIPF] [local|kafka]
# (TURNS=1, ONLY_OURS=1 leaves the peers out, BUDGET_MB=48 is Tally's State:MemoryBudget in MiB, FETCHING=direct or librdkafka, PARTITIONS=4, INSTANCES=1 processes of Tally that share them,
# such as INSTANCES="1 2 4", RATES="1000 10000 50000" events/s at which freshness is measured after that)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
events=${1:-3000000} zipf=${2:-0} broker=${3:-kafka}
peers=$root/../shared/peers/run
kafka=${KAFKA_HOME_FOR_TESTS:-$root/../shared/kafka}/kafka
data=$(mktemp -d)
export KAFKA_DIR=$data/kafka KAFKA_PORT=${BENCH_PORT:-28192}
export KAFKA_BOOTSTRAP=127.0.0.1:$KAFKA_PORT
[ -x "$peers" ] || { echo "processing: there is no shared/peers beside the repository" >&2; exit 1; }

dotnet build "$here/Processing" -c Release -v quiet --nologo > /dev/null
ours="timeout 300 dotnet $root/artifacts/bin/Processing/release/Tally.ProcessingBench.dll"
if [ "$broker" = kafka ]; then
  trap '"$kafka" destroy > /dev/null 2>&1; rm -rf -- "$data"' EXIT
  "$kafka" start > "$data/start.log" 2>&1
else
  dotnet build "$root/local-broker" -c Release -v quiet --nologo > /dev/null
  dotnet "$root/artifacts/bin/LocalBroker/release/Tally.LocalBroker.dll" --data "$data/broker" --port "$KAFKA_PORT" > "$data/broker.log" 2>&1 &
  pid=$!
  trap 'kill $pid; rm -rf -- "$data"' EXIT
  until grep -q ready "$data/broker.log"; do sleep 0.1; done
fi
echo "$events events, zipf $zipf, $broker"
"$peers" generate --topic backlog --events "$events" --users 200000 --hours 24 --partitions "${PARTITIONS:-4}" --zipf "$zipf" --expected "$data/expected.json"
for turn in $(seq 1 "${TURNS:-1}"); do
  $ours read "$KAFKA_BOOTSTRAP" backlog one
  $ours read "$KAFKA_BOOTSTRAP" backlog batch
  for instances in ${INSTANCES:-1}; do $ours count "$KAFKA_BOOTSTRAP" backlog "$data/expected.json" "${BUDGET_MB:-48}" "$instances"; done
  [ -n "${ONLY_OURS:-}" ] || "$peers" flink --topic backlog --expect-events "$events" --expected "$data/expected.json" 2> /dev/null | grep peer= || true
  [ -n "${ONLY_OURS:-}" ] || "$peers" kafka-streams --topic backlog --expect-events "$events" --expected "$data/expected.json" --seen chunks 2> /dev/null | grep peer= || true
  [ -n "${ONLY_OURS:-}" ] || "$peers" kafka-streams --topic backlog --expect-events "$events" --expected "$data/expected.json" --seen pairs 2> /dev/null | grep peer= || true
done
for rate in ${RATES:-}; do $ours fresh "$KAFKA_BOOTSTRAP" "$rate" 20; done
