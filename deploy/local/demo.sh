#!/usr/bin/env bash
# Sends a few thousand events over some hours through the door and shows what comes out.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/processes.sh"

door=http://127.0.0.1:$DOOR_PORT
ready "$DOOR_PORT" || die "nothing answers at $door: \`make up\` first"
now=$(date +%s%3N)
hour=3600000
tag=$now   # new users at every run, so that the numbers below can be foretold

echo "Sending 3000 events of 500 users: this hour, an hour ago and in 1970 (every tenth a retry under the same id)"
{
  for n in $(seq 1 3000); do
    case $((n % 3)) in 0) at=$now ;; 1) at=$((now - hour)) ;; 2) at=123 ;; esac
    [ $((n % 4)) = 0 ] && kind=click || kind=impression
    for copy in 1 $([ $((n % 10)) = 0 ] && echo 2); do
      printf 'url = "%s/analytics?timestamp=%s&user=demo-%s-%s&%s&id=%s"\noutput = /dev/null\n' "$door" "$at" "$tag" $((n % 500)) "$kind" "$tag-$n"
    done
  done
} > "$run/demo.curl"
before=$(curl -fsS "$door/analytics?timestamp=$now" | tr '\n' ' ')
begun=$(date +%s%3N)
curl -sS --no-progress-meter --parallel --parallel-max 64 -X POST -w '%{http_code}\n' -K "$run/demo.curl" | sort | uniq -c | awk '{ print "  " $1 " answers " $2 }'
echo "  in $(($(date +%s%3N) - begun)) ms"
rm -f "$run/demo.curl"
sleep 1

show() { echo "$1"; curl -fsS "$door/analytics?timestamp=$2" | sed 's/^/  /'; }
echo "This hour before: $before"
show "This hour:" "$now"
show "An hour ago:" $((now - hour))
show "The first hour of 1970:" 123
echo "What became of every event ever sent here (GET $door/accounting has more):"
curl -fsS "$door/accounting" | sed -n '/"outcomes"/,/}/p' | sed 's/^ */  /' 
