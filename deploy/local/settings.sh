# shellcheck shell=bash disable=SC2154,SC2034
# Settings of the local mode, each changeable by one variable: `make up COMMAND_PORT=18081`. Sourced by the other scripts here.
die() {
  echo "tally: $*" >&2
  exit 1
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DATA=$(realpath -m "${DATA:-$root/data}")
BIND=${BIND:-127.0.0.1}
DOOR_PORT=${DOOR_PORT:-8080}
COMMAND_PORT=${COMMAND_PORT:-8081}
QUERY_PORT=${QUERY_PORT:-8082}
PROCESSOR_PORT=${PROCESSOR_PORT:-8083}
MATERIALIZER_PORT=${MATERIALIZER_PORT:-8084}
KAFKA_PORT=${KAFKA_PORT:-9092}
REDIS_PORT=${REDIS_PORT:-6379}
COMMAND=${COMMAND:-1}
QUERY=${QUERY:-1}
PROCESSOR=${PROCESSOR:-1}
MATERIALIZER=${MATERIALIZER:-1}
PARTITIONS=${PARTITIONS:-8}
BOOTSTRAP=${BOOTSTRAP:-}   # host:port of a Kafka of your own; then local-broker is not started
ARCHIVE=${ARCHIVE:-}       # "Host=…;Database=…;Username=…" of a PostgreSQL of your own; SQLite without
REDIS_MEMORY=${REDIS_MEMORY:-1gb}   # at the limit Redis refuses writes and the archive answers, instead of the system killing it
CONFIGURATION=Release

GENERATION=$(cat "$DATA/generation" 2> /dev/null || echo 1)   # of the hourly analytics; make rebuild raises it
FLOWS_GENERATION=$(cat "$DATA/flows-generation" 2> /dev/null || echo 1)   # make rebuild JOB=flows raises it
FRAMES_GENERATION=$(cat "$DATA/frames-generation" 2> /dev/null || echo 1)   # make frames-reset and make rebuild JOB=frames raise it
FRAMES_TOPIC_GENERATION=$(cat "$DATA/frames-topic-generation" 2> /dev/null || echo 1)   # the last make rebuild JOB=frames

run=$DATA/run
logs=$DATA/logs
bootstrap=${BOOTSTRAP:-127.0.0.1:$KAFKA_PORT}

data_folder() { # makes it, for nobody else to read, unless it is there
  [ -d "$DATA" ] || (umask 077 && mkdir -p "$DATA") 2> /dev/null || true
  mkdir -p "$run" "$logs" "$DATA/redis" "$DATA/broker" 2> /dev/null && [ -w "$run" ] && [ -w "$logs" ] ||
    die "the data folder $DATA cannot be made or written: see to its rights, or give another with \`make up DATA=folder\`"
}

whole() { # VARIABLE LEAST MOST
  [[ ${!1} =~ ^[0-9]{1,6}$ ]] && ((10#${!1} >= $2 && 10#${!1} <= $3)) || die "$1 is '${!1}': it must be a whole number from $2 to $3"
}
for variable in {DOOR,COMMAND,QUERY,PROCESSOR,MATERIALIZER,KAFKA,REDIS}_PORT; do whole "$variable" 1 65535; done
for variable in COMMAND QUERY PROCESSOR MATERIALIZER; do whole "$variable" 1 16; done
whole PARTITIONS 1 1024
