#!/usr/bin/env bash
# Ends every process of the local mode, those that feed first, so that each can hand on what it holds. Data stays.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/processes.sh"

order() { names | awk '{ o = 9 } /^gateway/ { o = 1 } /^command/ { o = 2 } /^processor/ { o = 3 } /^materializer/ { o = 4 } /^query/ { o = 5 }
  /^redis/ { o = 6 } /^local-broker/ { o = 7 } { print o, $0 }' | sort | cut -d' ' -f2; }

found=$(order)
[ -n "$found" ] || { echo "tally: nothing runs"; exit 0; }
# Services end side by side; what they rest on ends after them.
for name in $(grep -vE '^(redis|local-broker)$' <<< "$found"); do end "$name" & done
wait
for name in $(grep -E '^(redis|local-broker)$' <<< "$found"); do end "$name"; done
echo "tally: stopped $(tr '\n' ' ' <<< "$found")"
