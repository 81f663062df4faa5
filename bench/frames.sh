#!/usr/bin/env bash
# Frames counted by Tally, read by a plain consumer, and counted by the peers of ../shared/peers, in turns on one Kafka: bench/frames.sh [FRAMES] [USERS] [BYTES]
# With BYTES (2000, say) each frame is made that large. WINDOWS=minute is what the peers count; Tally is measured with all five windows as well.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
frames=${1:-1000000} users=${2:-200000} bytes=${3:-}
peers=$root/../shared/peers/run
kafka=${KAFKA_HOME_FOR_TESTS:-$root/../shared/kafka}/kafka
data=$(mktemp -d)
export KAFKA_DIR=$data/kafka KAFKA_PORT=${BENCH_PORT:-28193}
export KAFKA_BOOTSTRAP=127.0.0.1:$KAFKA_PORT
[ -x "$peers" ] || { echo "frames: there is no shared/peers beside the repository" >&2; exit 1; }

dotnet build "$here/Frames" -c Release -v quiet --nologo > /dev/null
dotnet build "$here/Processing" -c Release -v quiet --nologo > /dev/null
ours="dotnet $root/artifacts/bin/Frames/release/Tally.FramesBench.dll"
plain="dotnet $root/artifacts/bin/Processing/release/Tally.ProcessingBench.dll"
trap '"$kafka" destroy > /dev/null 2>&1; rm -rf -- "$data"' EXIT
"$kafka" start > "$data/start.log" 2>&1
"$peers" generate --format frames --topic frames --events "$frames" --users "$users" --hours "${HOURS:-24}" --partitions 4 --zipf 0 --key none --expected "$data/expected.json"
topic=frames
if [ -n "$bytes" ]; then
  $ours grow "$KAFKA_BOOTSTRAP" frames frames-large "$bytes"
  topic=frames-large
fi
for turn in $(seq 1 "${TURNS:-1}"); do
  $plain read "$KAFKA_BOOTSTRAP" $topic one
  for windows in minute minute,day,week,month,year; do
    for tail in whole head; do $ours count "$KAFKA_BOOTSTRAP" $topic "$data/expected.json" $windows $tail; done
  done
  [ -z "${ONLY_OURS:-}" ] || continue
  # Without keys the peers have to bring the frames of a user together first.
  "$peers" kafka-streams --format frames --topic $topic --expect-events "$frames" --expected "$data/expected.json" --seen chunks --repartition true 2> /dev/null | grep peer= || true
  "$peers" flink --format frames --topic $topic --expect-events "$frames" --expected "$data/expected.json" 2> /dev/null | grep peer= || true
done
