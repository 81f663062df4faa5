#!/usr/bin/env bash
# `make up` without Docker: everything as processes of this machine. Starts only what does not run yet.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/processes.sh"
. "$here/dependencies.sh"
. "$here/build.sh"

data_folder
exec 9> "$run/lock"
flock -n 9 || die "another \`make up\` is at work in $DATA; wait for it"

need_dotnet
# What dotnet leaves behind (build servers) must not keep the lock.
"$root/deploy/packages.sh" 9>&-
need_curl
need_librdkafka
need_redis
build 9>&-

hash_key() {
  [ -s "$DATA/hash.key" ] && return 0
  (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$DATA/hash.key.new")
  mv "$DATA/hash.key.new" "$DATA/hash.key"
}

started=()
begin() { # NAME PORT VARIABLE COMMAND...
  local name=$1 port=$2 variable=$3
  shift 3
  alive "$name" && return 0
  claim_port "$name" "$port" "$variable"
  launch "$name" "$port" "$@" 9>&-
  started+=("$name")
}

service() { # NAME PROJECT PORT VARIABLE [SETTING=VALUE...]
  local name=$1 project=$2 port=$3 variable=$4
  shift 4
  begin "$name" "$port" "$variable" env Http__Bind="$BIND" Http__Port="$port" Kafka__BootstrapServers="$bootstrap" Kafka__Partitions="$PARTITIONS" \
    "$@" dotnet "$(program "$project")"
}

instances() { # NAME PROJECT COUNT PORT VARIABLE [SETTING=VALUE...]: NAME, NAME-2, NAME-3... a hundred ports apart
  local name=$1 project=$2 count=$3 port=$4 variable=$5 n suffix
  shift 5
  for n in $(seq 1 "$count"); do
    suffix=
    [ "$n" = 1 ] || suffix=-$n
    service "$name$suffix" "$project" $((port + (n - 1) * 100)) "$variable" "$@" ${INSTANCE_SETTING:+"$INSTANCE_SETTING=$n"}
  done
}

addresses() { # SETTING NAME: of every instance that runs, those started before included
  local n=0 name
  for name in $(names | grep -E "^$2(-[0-9]+)?\$"); do
    echo "$1__$n=http://127.0.0.1:$(cat "$run/$name.port")"
    n=$((n + 1))
  done
}

redis_answers() { [ "$(redis-cli -p "$REDIS_PORT" ping 2> /dev/null)" = PONG ]; }

hash_key
[ -n "$BOOTSTRAP" ] || begin local-broker "$KAFKA_PORT" KAFKA_PORT dotnet "$(program LocalBroker)" --data "$DATA/broker" --port "$KAFKA_PORT"
begin redis "$REDIS_PORT" REDIS_PORT redis-server --bind 127.0.0.1 --port "$REDIS_PORT" --dir "$DATA/redis" \
  --save "60 1" --appendonly no --maxmemory "$REDIS_MEMORY" --maxmemory-policy noeviction
[ -n "$BOOTSTRAP" ] || wait_for local-broker 30 port_answers "$KAFKA_PORT"
wait_for redis 30 redis_answers

archive="Archive__ConnectionString=${ARCHIVE:-Data Source=$DATA/archive.db}"
redis="Redis__Endpoints=127.0.0.1:$REDIS_PORT"
# Made again, which harms nothing, when the program that knows them changed or the broker's folder is another one.
topics=$(cksum < "$(program ProcessorService)")-$(stat -c %i "$DATA/broker")-$PARTITIONS
if [ -n "$BOOTSTRAP" ] || [ "$(cat "$DATA/topics" 2> /dev/null)" != "$topics" ]; then
  env Kafka__BootstrapServers="$bootstrap" Kafka__Partitions="$PARTITIONS" HashKey__File="$DATA/hash.key" \
    dotnet "$(program ProcessorService)" create-topics --wait 15 >> "$logs/topics.log" 2>&1 ||
    die "the topics could not be made: $(grep -v '^{' "$logs/topics.log" | tail -n 1)"
  echo "$topics" > "$DATA/topics"
fi
INSTANCE_SETTING=Processor__Instance instances processor ProcessorService "$PROCESSOR" "$PROCESSOR_PORT" PROCESSOR_PORT HashKey__File="$DATA/hash.key" \
  State__Directory="$DATA/state" Processor__StreamizFolder="$DATA/streamiz" Processor__Generation="$GENERATION" \
  Flows__Generation="$FLOWS_GENERATION" Frames__Generation="$FRAMES_GENERATION" \
  Frames__TopicGeneration="$FRAMES_TOPIC_GENERATION"
INSTANCE_SETTING=Materializer__Instance instances materializer MaterializerService "$MATERIALIZER" "$MATERIALIZER_PORT" MATERIALIZER_PORT "$redis" "$archive" \
  Materializer__Generation="$GENERATION" Materializer__FlowsGeneration="$FLOWS_GENERATION" Materializer__FramesGeneration="$FRAMES_TOPIC_GENERATION"
processors=$(addresses X processor | sed 's/^[^=]*=//' | paste -sd,)
instances query QueryService "$QUERY" "$QUERY_PORT" QUERY_PORT "$redis" "$archive" Colours__Processors="$processors"
instances command CommandService "$COMMAND" "$COMMAND_PORT" COMMAND_PORT HashKey__File="$DATA/hash.key"
mapfile -t doors < <(addresses Gateway__Command command; addresses Gateway__Query query)
# A door that leads elsewhere, because instances were added, opens anew.
if alive gateway && [ "$(cat "$run/doors" 2> /dev/null)" != "${doors[*]}" ]; then end gateway; fi
echo "${doors[*]}" > "$run/doors"
service gateway Gateway "$DOOR_PORT" DOOR_PORT "${doors[@]}"

for name in $(names); do
  case $name in
    local-broker | redis) ;;
    *) wait_for "$name" 90 ready "$(cat "$run/$name.port")" ;;
  esac
done

if [ ${#started[@]} = 0 ]; then echo "tally: everything was running already"; else echo "tally: started ${started[*]}"; fi
store=SQLite
[ -z "$ARCHIVE" ] || store=PostgreSQL
cat <<TXT

Tally runs in local mode (${BOOTSTRAP:-local-broker}, redis-server, $store; data in ${DATA#"$PWD"/}). Try:

  now=\$(date +%s%3N)
  curl -i -X POST "http://localhost:$DOOR_PORT/analytics?timestamp=\$now&user=ada&click"
  curl "http://localhost:$DOOR_PORT/analytics?timestamp=\$now"

  curl -i -X POST http://localhost:$DOOR_PORT/flows -d '[{"src_app":"foo","dest_app":"bar","vpc_id":"vpc-0","bytes_tx":100,"bytes_rx":300,"hour":1}]'
  curl 'http://localhost:$DOOR_PORT/flows?hour=1'

make demo sends a few thousand events; make status, make logs and make down do what they say.
TXT
