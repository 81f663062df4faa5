#!/usr/bin/env bash
# `make rebuild`: counts the hourly analytics anew from the events that Kafka still holds, beside the running numbers, and switches to the result.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/processes.sh"
. "$here/build.sh"

alive processor && alive materializer || die "processor and materializer do not run here: \`make up\` first"
next=$((GENERATION + 1))
build

settings=(Http__Bind="$BIND" Kafka__BootstrapServers="$bootstrap" Kafka__Partitions="$PARTITIONS")
echo "tally: rebuilding generation $next beside generation $GENERATION; the log is $logs/rebuild.log"
: > "$logs/rebuild.log"
env "${settings[@]}" Http__Port=$((PROCESSOR_PORT + 50)) HashKey__File="$DATA/hash.key" State__Directory="$DATA/state" Processor__Generation="$GENERATION" \
  Processor__Instance=rebuild dotnet "$(program ProcessorService)" rebuild > "$logs/rebuild.log" 2>&1 ||
  die "the rebuild ended: $(grep -v '^{' "$logs/rebuild.log" | tail -n 1) (all of it: $logs/rebuild.log); the numbers are as before, and \`make rebuild\` goes on where it stopped"
sed -n 's/.*"EventId":33[01][0-9],.*"Message":"\([^"]*\)".*/tally: \1/p' "$logs/rebuild.log"

# From here on both services run the new generation; the materializer points the readers to it once it has written it.
echo "$next" > "$DATA/generation"
for name in $(names | grep -E '^(processor|materializer)(-[0-9]+)?$'); do end "$name"; done
exec "$here/up.sh"
