#!/usr/bin/env bash
# `make rebuild`: counts a job anew (JOB=analytics or flows) from what Kafka still holds of its input, beside the running numbers, and switches to the result.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/processes.sh"
. "$here/build.sh"

JOB=${JOB:-analytics}
case $JOB in
  analytics) generation=$GENERATION file=generation key=Processor__Generation ;;
  flows) generation=$FLOWS_GENERATION file=flows-generation key=Flows__Generation ;;
  colours) generation=1 file= key=X ;;   # the program says why there is nothing to rebuild
  *) die "JOB is '$JOB': it must be analytics or flows" ;;
esac
alive processor && alive materializer || die "processor and materializer do not run here: \`make up\` first"
next=$((generation + 1))
build

settings=(Http__Bind="$BIND" Kafka__BootstrapServers="$bootstrap" Kafka__Partitions="$PARTITIONS")
[ -z "$file" ] || echo "tally: rebuilding generation $next of the $JOB beside generation $generation; the log is $logs/rebuild.log"
: > "$logs/rebuild.log"
env "${settings[@]}" Http__Port=$((PROCESSOR_PORT + 50)) HashKey__File="$DATA/hash.key" State__Directory="$DATA/state" "$key=$generation" \
  Processor__Instance=rebuild dotnet "$(program ProcessorService)" rebuild --job "$JOB" > "$logs/rebuild.log" 2>&1 ||
  die "the rebuild ended: $(grep -v '^{' "$logs/rebuild.log" | tail -n 1) (all of it: $logs/rebuild.log); the numbers are as before${file:+, and \`make rebuild JOB=$JOB\` goes on where it stopped}"
sed -n 's/.*"EventId":33[01][0-9],.*"Message":"\([^"]*\)".*/tally: \1/p' "$logs/rebuild.log"

# From here on both services run the new generation; the materializer points the readers to it once it has written it.
echo "$next" > "$DATA/$file"
for name in $(names | grep -E '^(processor|materializer)(-[0-9]+)?$'); do end "$name"; done
exec "$here/up.sh"
