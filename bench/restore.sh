#!/usr/bin/env bash
# How long the engine takes to have 10,000,000 uniques again, on Apache Kafka: from its snapshots, from the changelog, and from a changelog that a week of commits every 100 ms wrote
# and Kafka compacted: bench/restore.sh [UNIQUES] (COMMITS=36000 an hour of that week: some 25 GB pass through the disk; WEEK_ONLY=1)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
uniques=${1:-10000000}
kafka=${KAFKA_HOME_FOR_TESTS:-$root/../shared/kafka}/kafka
[ -x "$kafka" ] || { echo "restore: there is no Apache Kafka: name its folder in KAFKA_HOME_FOR_TESTS" >&2; exit 1; }
data=$(mktemp -d)
export KAFKA_DIR=$data/kafka KAFKA_PORT=${BENCH_PORT:-28392}
bootstrap=127.0.0.1:$KAFKA_PORT
trap '"$kafka" destroy > /dev/null 2>&1 || true; rm -rf -- "$data"' EXIT
dotnet build "$here/State" -c Release -v quiet --nologo > /dev/null
bench="dotnet $root/artifacts/bin/State/release/Tally.StateBench.dll"

if [ -z "${WEEK_ONLY:-}" ]; then
  "$kafka" start > "$data/start.log" 2>&1
  $bench restore "$bootstrap" "$uniques" 24
  "$kafka" destroy > /dev/null 2>&1
fi

size() { find "$KAFKA_DIR" -path '*analytics.changelog-*' -type f -name '*.log' -printf '%s\n' 2> /dev/null | awk '{ n += $1 } END { printf "%d", n / 1000000 }'; }
"$kafka" start > "$data/start.log" 2>&1
# 200,000 users an hour, two events a commit: some 10,000,000 uniques in a week.
$bench week "$bootstrap" 2 200000 "${COMMITS:-36000}"
echo "written: $(size) MB lie in the changelog's folders"
least=$(size) still=0
while [ "$still" -lt "${STILL:-30}" ]; do
  sleep 1
  now=$(size)
  if [ "$now" -lt "$least" ]; then least=$now still=0; else still=$((still + 1)); fi
done
echo "compacted as far as Kafka does by itself: $now MB"
$bench restore "$bootstrap"
$bench restore "$bootstrap"
