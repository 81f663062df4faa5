#!/usr/bin/env bash
# `make frames-reset`: counts the frames again from the beginning of their topic, or from FROM=unix-seconds on. Processors stop meanwhile.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/processes.sh"
. "$here/build.sh"

[[ ${FROM:-0} =~ ^[0-9]{1,12}$ ]] || die "FROM is '${FROM}': it must be Unix seconds, digits only"
alive processor || die "no processor runs here: \`make up\` first"
build
for name in $(names | grep -E '^processor(-[0-9]+)?$'); do end "$name"; done
generation=$(env Kafka__BootstrapServers="$bootstrap" Kafka__Partitions="$PARTITIONS" HashKey__File="$DATA/hash.key" \
  dotnet "$(program ProcessorService)" frames-reset ${FROM:+--from "$FROM"}) || { "$here/up.sh" > /dev/null; die "nothing was reset; the processors count on"; }
echo "$generation" > "$DATA/frames-generation"
echo "tally: the frames are counted again${FROM:+ from what came at $FROM on}, in generation $generation"
exec "$here/up.sh" > /dev/null
