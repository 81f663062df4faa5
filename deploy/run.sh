#!/usr/bin/env bash
# `make down`, `make status`, `make logs` for the mode that `make up` chose last: run.sh VERB
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/local/settings.sh"
. "$here/mode.sh"
[ "$(running_mode)" = compose ] || exec "$here/local/$1.sh"
case $1 in
  down) compose down ;;
  status) compose ps ;;
  logs) compose logs --tail "${LINES_EACH:-20}" ${FOLLOW:+-f} ${SERVICE:-} ;;
esac
