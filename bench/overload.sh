#!/usr/bin/env bash
# Twice and ten times the requests a second that a service can answer, and a burst of 10,000 POSTs in a second: what is accepted stays quick, memory flat, every 204
# is counted, and the service is itself again at once. An open load, so the service under it gets a part of a core (SHARE=25 %): the rest is needed to send ten times its
# capacity (SECONDS_EACH=10 CONNECTIONS=1000 BOUND=256). Ports 18080 and up. Needs root for that share (a cgroup of its own), and wrk to measure the capacity.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
each=${SECONDS_EACH:-10} connections=${CONNECTIONS:-1000} bound=${BOUND:-256} percent=${SHARE:-25}
command -v wrk > /dev/null || { echo "overload: wrk is missing: \`sudo apt-get install wrk\`" >&2; exit 1; }
ulimit -n "$(ulimit -Hn)"
export DATA=${BENCH_DATA:-$(mktemp -d)} DOOR_PORT=18080 COMMAND_PORT=18081 QUERY_PORT=18082 PROCESSOR_PORT=18083 MATERIALIZER_PORT=18084 \
  KAFKA_PORT=19192 REDIS_PORT=16379
command_url=http://127.0.0.1:$COMMAND_PORT query_url=http://127.0.0.1:$QUERY_PORT
code=0 group=
tally=$(mktemp)   # events acknowledged, and of unknown end: a line a load

end() {
  "$root/deploy/local/down.sh" > /dev/null
  [ -z "$group" ] || rmdir "$group" 2> /dev/null || true
  rm -rf -- "$DATA" "$tally"
}
trap end EXIT
share() { # SERVICE: no more than its part of a core from now on
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    group=/sys/fs/cgroup/tally-overload
    echo +cpu > /sys/fs/cgroup/cgroup.subtree_control && mkdir -p $group && echo "$((percent * 100)) 10000" > $group/cpu.max
  else
    group=/sys/fs/cgroup/cpu/tally-overload
    mkdir -p $group && echo 10000 > $group/cpu.cfs_period_us && echo $((percent * 100)) > $group/cpu.cfs_quota_us
  fi && pid_of "$1" > $group/cgroup.procs || { echo "overload: no cgroup can be made here; run it as root" >&2; exit 1; }
}
pid_of() { cut -d' ' -f1 "$DATA/run/$1.pid"; }
resident() { awk '/VmRSS/ { printf "%d", $2 / 1024 }' "/proc/$(pid_of "$1")/status"; }
seen() { # an event is taken and a reader sees it: seconds until then
  local begun=$EPOCHREALTIME position
  until position=$(curl -fsS -o /dev/null -D - -X POST "$command_url/analytics?timestamp=1&user=probe-$begun&click" 2> /dev/null | tr -d '\r' | sed -n 's/^Tally-Position: //Ip') && [ -n "$position" ]; do sleep 0.05; done
  until curl -fsS -o /dev/null "$query_url/analytics?timestamp=1&after=$position&wait=10000" 2> /dev/null; do :; done
  echo 1 0 >> "$tally"
  awk -v b="$begun" -v v="$EPOCHREALTIME" 'BEGIN { printf "%.1f", v - b }'
}
capacity() { # SERVICE URL LUA: requests a second of 64 clients that wait for their answers
  HOURS=200 wrk -t 1 -c 64 -d 5s -s "$here/$3" "$2" -- mix > "$DATA/capacity"
  [ "$1" = query ] || awk '/requests in/ { print $1, 64 }' "$DATA/capacity" >> "$tally"
  awk '/Requests\/sec/ { printf "%d", $2 }' "$DATA/capacity"
}
load() { # WHAT SERVICE post|get RATE SECONDS CONNECTIONS
  local before after accepted refused other broken away under p50 p99 refusal back
  before=$(resident "$2")
  read -r accepted refused other broken away under p50 p99 refusal < <(dotnet "$root/artifacts/bin/Overload/release/Tally.OverloadBench.dll" "$3" \
    "$([ "$3" = post ] && echo $COMMAND_PORT || echo $QUERY_PORT)" "$4" "$5" "$6" | sed -n 's/^result //p')
  back=$(seen)
  after=$(resident "$2")
  [ "$3" = get ] || echo "$accepted" $((broken + under)) >> "$tally"
  awk -v w="$1" -v rate="$4" -v s="$5" -v a="$accepted" -v r="$refused" -v o="$other" -v k=$((broken + under)) -v t="$away" -v p50="$p50" -v p="$p99" -v q="$refusal" -v m="$before" -v n="$after" -v v="$back" \
    'BEGIN { printf "| %s | %d/s | %d/s | %d/s | %d/s | %d | %.0f ms | %.0f ms | %.0f ms | %d → %d MB | %s s |\n", w, rate, a / s, r / s, t / s, o + k, p50, p, q, m, n, v }'
  awk -v p="$p99" -v a="$accepted" -v o="$other" -v v="$back" 'BEGIN { exit !(a > 0 && p <= 1000 && o == 0 && v <= 10) }' || { echo "overload: $1 was not held" >&2; code=1; }
}
counted() { curl -fsS $query_url/accounting | tr -d ' \n' | grep -o '"counted":[0-9]*' | head -n 1 | tr -dc 0-9; }

dotnet build "$here/Overload" -c Release -v quiet --nologo > /dev/null
env Ingest__MaxInFlight="$bound" Query__MaxRequests="$bound" Positions__MaxWaiting=$((bound / 2)) "$root/deploy/local/up.sh" > /dev/null
echo "$(nproc) cores, $percent % of one for the service under load, $connections connections, Ingest:MaxInFlight and Query:MaxRequests $bound, $each s a load"
echo "| load | sent | accepted | refused with 503 | no connection free | other or broken | p50 | p99 of the accepted | p99 of the refused | the service's memory | written and read again after |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
for service in command query; do
  [ $service = command ] && lua=post.lua url=$command_url kind=post || lua=reads.lua url=$query_url kind=get
  capacity $service $url $lua > /dev/null   # warm
  share $service
  rate=$(capacity $service $url $lua)
  load "$service-service at its capacity" $service $kind "$rate" "$each" "$connections"
  load "2 times" $service $kind $((2 * rate)) "$each" "$connections"
  load "10 times" $service $kind $((10 * rate)) "$each" "$connections"
  load "10 times again" $service $kind $((10 * rate)) "$each" "$connections"
  load "10 times once more" $service $kind $((10 * rate)) "$each" "$connections"
  load "half of it, afterwards" $service $kind $((rate / 2)) "$each" "$connections"
done
"$root/deploy/local/down.sh" > /dev/null
"$root/deploy/local/up.sh" > /dev/null
capacity command $command_url post.lua > /dev/null
load "10,000 POSTs in one second, all the machine" command post 10000 1 5000
sleep 3
all=$(counted)
read -r acknowledged unknown < <(awk '{ a += $1; u += $2 } END { print a, u }' "$tally")
echo "$acknowledged acknowledged, $all counted, at most $unknown broken off"
[ "$all" -ge "$acknowledged" ] && [ "$all" -le $((acknowledged + unknown)) ] || { echo "overload: acknowledged and counted do not agree" >&2; code=1; }
exit $code
