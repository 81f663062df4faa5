#!/usr/bin/env bash
# `make watch-frames`: results of the frames as they arrive, a line of JSON each, from the stack that runs here or from BOOTSTRAP=host:port.
# ALL=1: those that are there first.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
given=${KAFKA_PORT:-}
. "$here/settings.sh"
. "$here/../mode.sh"
kafka_of_mode "$given"
. "$here/dependencies.sh"
. "$here/build.sh"

mkdir -p "$logs"
{ need_dotnet && "$root/deploy/packages.sh" && build; } < /dev/null >&2
exec env Kafka__BootstrapServers="$bootstrap" Frames__TopicGeneration="$FRAMES_TOPIC_GENERATION" dotnet "$(program ProcessorService)" frames-watch ${ALL:+--all}
