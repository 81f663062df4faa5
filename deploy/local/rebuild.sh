#!/usr/bin/env bash
# `make rebuild`: counts a job anew (JOB=analytics, flows or frames) from what Kafka still holds of its input, beside the running numbers, and switches to the result.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/processes.sh"
. "$here/build.sh"

JOB=${JOB:-analytics}
case $JOB in
  analytics) generation=$GENERATION files=generation running=(Processor__Generation="$GENERATION") ;;
  flows) generation=$FLOWS_GENERATION files=flows-generation running=(Flows__Generation="$FLOWS_GENERATION") ;;
  frames) generation=$FRAMES_GENERATION files="frames-topic-generation frames-generation" running=(Frames__Generation="$FRAMES_GENERATION" Frames__TopicGeneration="$FRAMES_TOPIC_GENERATION") ;;
  colours) generation=1 files= running=() ;;   # the program says why there is nothing to rebuild
  *) die "JOB is '$JOB': it must be analytics, flows or frames" ;;
esac
alive processor && alive materializer || die "processor and materializer do not run here: \`make up\` first"
next=$((generation + 1))
build

settings=(Http__Bind="$BIND" Kafka__BootstrapServers="$bootstrap" Kafka__Partitions="$PARTITIONS")
[ -z "$files" ] || echo "tally: rebuilding generation $next of the $JOB beside generation $generation; the log is $logs/rebuild.log"
: > "$logs/rebuild.log"
env "${settings[@]}" Http__Port=$((PROCESSOR_PORT + 50)) HashKey__File="$DATA/hash.key" State__Directory="$DATA/state" "${running[@]}" \
  Processor__Instance=rebuild dotnet "$(program ProcessorService)" rebuild --job "$JOB" > "$logs/rebuild.log" 2>&1 ||
  die "the rebuild ended: $(grep -v '^{' "$logs/rebuild.log" | tail -n 1) (all of it: $logs/rebuild.log); the numbers are as before${files:+, and \`make rebuild JOB=$JOB\` goes on where it stopped}"
sed -n 's/.*"EventId":33[01][0-9],.*"Message":"\([^"]*\)".*/tally: \1/p' "$logs/rebuild.log"

# From here on both services run the new generation; the materializer points the readers to it once it has written it.
for file in $files; do echo "$next" > "$DATA/$file"; done
for name in $(names | grep -E '^(processor|materializer)(-[0-9]+)?$'); do end "$name"; done
exec "$here/up.sh"
