#!/usr/bin/env bash
# Every figure of docs/performance.md in one run, as ratios to an empty Kestrel endpoint measured in the same run.
# Runs a pipeline of its own on ports 18080 and up with data in a temporary folder; SECONDS_EACH=4 by default.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
each=${SECONDS_EACH:-4}
command -v wrk > /dev/null || { echo "bench: wrk is missing: \`sudo apt-get install wrk\`" >&2; exit 1; }

export DATA=${BENCH_DATA:-$(mktemp -d)} DOOR_PORT=18080 COMMAND_PORT=18081 QUERY_PORT=18082 PROCESSOR_PORT=18083 MATERIALIZER_PORT=18084 \
  KAFKA_PORT=19192 REDIS_PORT=16379
command_url=http://127.0.0.1:$COMMAND_PORT query_url=http://127.0.0.1:$QUERY_PORT empty_url=http://127.0.0.1:18099
trap 'kill $empty 2> /dev/null || true; "$root/deploy/local/down.sh" > /dev/null; rm -rf -- "$DATA"' EXIT

dotnet build "$here/EmptyEndpoint" -c Release -v quiet --nologo > /dev/null
dotnet build "$here/Freshness" -c Release -v quiet --nologo > /dev/null
"$root/deploy/local/up.sh" > /dev/null
dotnet "$root/artifacts/bin/EmptyEndpoint/release/Tally.EmptyEndpoint.dll" --urls $empty_url > /dev/null &
empty=$!
until curl -fs -o /dev/null "$empty_url/analytics"; do sleep 0.1; done

rate() { # SCRIPT CONNECTIONS URL: requests a second, answers that were no 2xx, CPU of the generator in percent of a core
  local out errors
  out=$({ TIMEFORMAT='cpu %U %S'; time wrk -t 1 -c "$2" -d "${each}s" --latency -s "$here/$1" "$3"; } 2>&1)
  errors=$(awk '/Non-2xx/ { print $NF }' <<< "$out")
  awk -v errors="${errors:-0}" -v each="$each" '/Requests\/sec/ { r = $2 } /99%/ { p = $2 } /^cpu/ { c = ($2 + $3) / each * 100 }
    END { printf "%d %s %d %s", r, p, c, errors }' <<< "$out"
}

median() { sort -n "$1" | awk '{ line[NR] = $0 } END { print line[int((NR + 1) / 2)] }'; }

compare() { # WHAT SCRIPT CONNECTIONS URL: in turns, the median of each, so that a busy moment of the machine does not decide
  local ours b p c e base=$DATA/base.rates mine=$DATA/our.rates
  rate "$2" "$3" $empty_url > /dev/null   # the baseline must be as warm as we are
  rate "$2" "$3" "$4" > /dev/null
  : > "$base"
  : > "$mine"
  for _ in 1 2 3; do
    { rate "$2" "$3" $empty_url; echo; } >> "$base"
    { rate "$2" "$3" "$4"; echo; } >> "$mine"
  done
  read -r b _ _ _ <<< "$(median "$base")"
  read -r ours p c _ <<< "$(median "$mine")"
  e=$(awk '{ e += $4 } END { print e }' "$mine")
  awk -v w="$1" -v n="$3" -v o="$ours" -v b="$b" -v p="$p" -v c="$c" -v e="$e" \
    'BEGIN { printf "%s, %d connections: %d/s, p99 %s, ratio %.2f to the empty endpoint (%d/s); generator %d %% of a core, %d errors\n", w, n, o, p, o / b, b, c, e }'
}

memory() { # WHEN
  local name line="memory $1:"
  for name in local-broker command processor materializer query redis; do
    line+=" $name $(awk '/VmRSS/ { printf "%d", $2 / 1024 }' "/proc/$(cut -d' ' -f1 "$DATA/run/$name.pid")/status") MB,"
  done
  echo "${line%,}"
}

caught_up() { # until everything that was posted is in the numbers
  local before="" now=""
  while now=$(curl -fsS "$query_url/accounting" | tr -d ' ' | grep -o '"counted":[0-9]*' | head -n 1); [ "$now" != "$before" ]; do before=$now; sleep 2; done
}

echo "$(nproc) cores, $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo), $each s each"
sleep 3
memory idle
dotnet "$root/artifacts/bin/Freshness/release/Tally.Freshness.dll" $command_url $query_url 2000 5 > /dev/null   # warms up
# The median by p99, as everywhere here.
for _ in 1 2 3; do dotnet "$root/artifacts/bin/Freshness/release/Tally.Freshness.dll" $command_url $query_url 2000 "$((each * 2))"; done |
  sort -t, -k4.6n | sed -n 2p
for connections in 64 256; do compare "ingest, whole pipeline" post.lua $connections $command_url; done
memory "under load"
caught_up
for connections in 64 256; do compare "query, current hour" get.lua $connections $query_url; done

# Command and broker alone: the rest is stopped, so that what ingest itself costs is seen.
for name in processor materializer query gateway; do kill -TERM "$(cut -d' ' -f1 "$DATA/run/$name.pid")"; done
sleep 3
for connections in 64 256; do compare "ingest, command and broker alone" post.lua $connections $command_url; done
