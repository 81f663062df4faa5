#!/usr/bin/env bash
# The last lines of each log, or with SERVICE=name those of one; FOLLOW=1 goes on.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"

files=("$logs"/${SERVICE:-*}.log)
[ -e "${files[0]}" ] || die "no log ${SERVICE:+of $SERVICE }in $logs; there are: $(ls "$logs" 2> /dev/null | sed 's/\.log$//' | tr '\n' ' ')"
exec tail -n "${LINES_EACH:-20}" ${FOLLOW:+-f} "${files[@]}"
