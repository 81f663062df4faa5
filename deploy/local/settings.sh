# shellcheck shell=bash disable=SC2154,SC2034
# Settings of the local mode, each changeable by one variable: `make up COMMAND_PORT=18081`. Sourced by the other scripts here.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DATA=${DATA:-$root/data}
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
CONFIGURATION=Release

run=$DATA/run
logs=$DATA/logs
bootstrap=${BOOTSTRAP:-127.0.0.1:$KAFKA_PORT}

die() {
  echo "tally: $*" >&2
  exit 1
}
