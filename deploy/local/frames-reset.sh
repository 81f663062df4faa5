#!/usr/bin/env bash
# `make frames-reset`: counts the frames again from the beginning of their topic, or from FROM=unix-seconds on. Processors stop meanwhile.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/processes.sh"
. "$here/build.sh"

[[ ${FROM:-0} =~ ^[0-9]{1,12}$ ]] || die "FROM is '${FROM}': it must be Unix seconds, digits only"
[ -n "$BOOTSTRAP" ] || alive local-broker || die "no local-broker runs here: \`make up\` first"
build
for name in $(names | grep -E '^processor(-[0-9]+)?$'); do end "$name"; done
exec 3< <(exec env Kafka__BootstrapServers="$bootstrap" Kafka__Partitions="$PARTITIONS" HashKey__File="$DATA/hash.key" \
  Frames__TopicGeneration="$FRAMES_TOPIC_GENERATION" \
  dotnet "$(program ProcessorService)" frames-reset ${FROM:+--from "$FROM"})
reset=$! code=0
# Kept as soon as it is said: from then on the processors start with no other number, however the rest ends.
if read -r generation <&3; then
  echo "$generation" > "$DATA/frames-generation.new"
  mv "$DATA/frames-generation.new" "$DATA/frames-generation"
fi
wait "$reset" || code=$?
if [ -z "$generation" ]; then
  "$here/up.sh" > /dev/null || die "the processors do not start: run \`make frames-reset\` again"
  die "nothing was reset; the processors count on"
fi
[ $code = 0 ] || die "generation $generation has begun, but the reset did not end well; the processors stay stopped: see above, then run \`make frames-reset\` again"
echo "tally: the frames are counted again${FROM:+ from what came at $FROM on}, in generation $generation"
exec "$here/up.sh" > /dev/null
