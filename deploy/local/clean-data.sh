#!/usr/bin/env bash
# Removes the data of the local mode: events, aggregates, archive, hash key. Only when nothing runs.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/processes.sh"

for name in $(names); do alive "$name" && die "$name is running: \`make down\` first"; done
rm -rf -- "$DATA/broker" "$DATA/redis" "$DATA/state" "$run" "$logs" "$DATA"/archive.db* "$DATA"/hash.key "$DATA"/topics* "$DATA"/*generation "$DATA/streamiz"
echo "tally: data removed"
