#!/usr/bin/env bash
# `make feed-flows`, `make feed-colours`: fills a topic of the stack that runs here, or of BOOTSTRAP=host:port.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/build.sh"

mkdir -p "$logs"
dll=$root/artifacts/bin/Feed/release/Tally.Feed.dll
if [ ! -f "$dll" ] || [ -n "$(find "$root/feed" "$root/shared" -type f -newer "$dll" -print -quit)" ]; then
  "$root/deploy/packages.sh"
  (cd "$root" && dotnet build feed/Feed.csproj -c Release -v quiet --nologo) > "$logs/feed-build.log" 2>&1 || die "the build failed (all of it: $logs/feed-build.log)"
fi
BOOTSTRAP=$bootstrap exec dotnet "$dll" "$@"
