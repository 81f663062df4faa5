#!/usr/bin/env bash
# `make up`: chooses between Docker compose and processes of this machine, says which and why, and starts it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/local/settings.sh"
. "$here/mode.sh"
data_folder
choose_mode
echo "tally: $([ $mode = compose ] && echo "Docker compose" || echo "local mode"), because $why"
echo $mode > "$chosen"
exec "$here/$mode/up.sh"
