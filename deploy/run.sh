#!/usr/bin/env bash
# `make down`, `make status`, `make logs` for the mode that `make up` chose last: run.sh VERB
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/local/settings.sh"
. "$here/mode.sh"
[ "$(running_mode)" = compose ] || exec "$here/local/$1.sh"
case $1 in
  # First with -v, which takes the containers' nameless volumes and leaves the named: a processor's state comes again from the changelog.
  down) compose rm --stop --force -v && compose down ;;
  status) compose ps ;;
  logs) compose logs --tail "${LINES_EACH:-20}" ${FOLLOW:+-f} ${SERVICE:-} ;;
esac
