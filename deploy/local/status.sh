#!/usr/bin/env bash
# What runs, where, how much memory it holds, and whether it is ready; exit code 1 when something that was started is gone.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/processes.sh"

[ -n "$(names)" ] || { echo "tally: nothing runs; \`make up\` starts it"; exit 0; }
code=0
printf '%-16s %-8s %-6s %-9s %s\n' process pid port memory state
for name in $(names); do
  port=$(cat "$run/$name.port")
  if pid=$(pid_of "$name"); then
    memory="$(awk '/VmRSS/ { printf "%d MB", $2 / 1024 }' "/proc/$pid/status") "
    case $name in
      redis | local-broker) port_answers "$port" && state=answers || { state="does not answer"; code=1; } ;;
      *) state=$(curl -sS -m 3 "http://127.0.0.1:$port/health/ready" 2> /dev/null | tr '\n' ' ')
        [ -n "$state" ] || { state="does not answer"; code=1; } ;;
    esac
  else
    words=$(last_words "$name")
    pid=- memory=- code=1 state="gone${words:+ ($words)}: \`make up\` brings it back, \`make logs SERVICE=$name\` tells why"
  fi
  printf '%-16s %-8s %-6s %-9s %s\n' "$name" "$pid" "$port" "$memory" "$state"
done
exit $code
