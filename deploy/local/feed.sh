#!/usr/bin/env bash
# `make feed-analytics`, `feed-flows`, `feed-frames`, `feed-colours`: fills a topic of the stack that runs here, in either mode, or of BOOTSTRAP=host:port.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
given=${KAFKA_PORT:-}
. "$here/settings.sh"
. "$here/../mode.sh"
kafka_of_mode "$given"
. "$here/build.sh"

mkdir -p "$logs"
dll=$root/artifacts/bin/Feed/release/Tally.Feed.dll
if [ ! -f "$dll" ] || [ -n "$(find "$root/feed" "$root/shared" -type f -newer "$dll" -print -quit)" ]; then
  "$root/deploy/packages.sh"
  (cd "$root" && dotnet build feed/Feed.csproj -c Release -v quiet --nologo) > "$logs/feed-build.log" 2>&1 || die "the build failed (all of it: $logs/feed-build.log)"
fi
# The key that users are hashed with: of the environment, of compose, of the data folder.
if [ -z "${HashKey__File:-}${HashKey__Value:-}" ]; then
  if [ "$(running_mode)" = compose ]; then
    export HashKey__Value
    HashKey__Value=$(sed -n 's/^HASH_KEY=//p' "$root/.env" 2> /dev/null || true)
    [ -n "$HashKey__Value" ] || [ "$1" != analytics ] || die "the key that users are hashed with is not in $root/.env: \`docker compose\` made one in its volume; give it in HashKey__Value"
  else
    export HashKey__File=$DATA/hash.key
  fi
fi
BOOTSTRAP=$bootstrap exec dotnet "$dll" "$@"
