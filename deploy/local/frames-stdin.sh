#!/usr/bin/env bash
# `… | make frames-stdin`: results as lines of JSON on standard output, the last line sums up. Needs neither Kafka nor `make up`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/dependencies.sh"
. "$here/build.sh"

mkdir -p "$logs"
{ need_dotnet && "$root/deploy/packages.sh" && build; } < /dev/null >&2
# shellcheck disable=SC2086
exec dotnet "$(program ProcessorService)" frames-stdin ${OPTIONS:-}
