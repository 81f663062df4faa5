#!/usr/bin/env bash
# What a GET costs by where it is answered: memory, Redis, archive, a mix, the client's or a gateway's cache; beside an empty Kestrel endpoint and
# redis-benchmark GET of the same run. Then 10,000 hours brought back into an emptied Redis. Ports 18080 and up, data in a temporary folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
each=${SECONDS_EACH:-3}
export HOURS=${HOURS:-10000}
for program in wrk redis-benchmark curl; do command -v $program > /dev/null || { echo "reads: $program is missing" >&2; exit 1; }; done

export DATA=${BENCH_DATA:-$(mktemp -d)} DOOR_PORT=18080 COMMAND_PORT=18081 QUERY_PORT=18082 PROCESSOR_PORT=18083 MATERIALIZER_PORT=18084 \
  KAFKA_PORT=19192 REDIS_PORT=16379
command_url=http://127.0.0.1:$COMMAND_PORT query_url=http://127.0.0.1:$QUERY_PORT empty_url=http://127.0.0.1:18099 nginx_url=http://127.0.0.1:18098
trap 'kill ${empty:-} ${nginx:-} 2> /dev/null || true; "$root/deploy/local/down.sh" > /dev/null; rm -rf -- "$DATA"' EXIT

dotnet build "$here/EmptyEndpoint" -c Release -v quiet --nologo > /dev/null
"$root/deploy/local/up.sh" > /dev/null
dotnet "$root/artifacts/bin/EmptyEndpoint/release/Tally.EmptyEndpoint.dll" --urls $empty_url > /dev/null &
empty=$!
until curl -fs -o /dev/null "$empty_url/analytics"; do sleep 0.1; done

now=$(date +%s)
first=$((now / 3600 - 48))
seq 1 "$HOURS" | awk -v first=$first '{ printf "{\"timestamp\":%.0f,\"user\":\"u%d\",\"event\":\"click\"}\n", (first - $1) * 3600000, $1 }' |
  curl -fsS -o /dev/null -H 'Content-Type: application/x-ndjson' --data-binary @- $command_url/analytics/batch
position=$(curl -fsS -o /dev/null -D - -X POST "$command_url/analytics?timestamp=${now}000&user=ada&click" | tr -d '\r' | sed -n 's/^Tally-Position: //Ip')
curl -fsS -o /dev/null "$query_url/analytics?timestamp=${now}000&after=$position&wait=10000"

one() { # MODE URL [wrk options]: requests a second, p50, p99, answers that were no 2xx or 3xx
  wrk -t 1 -c 64 -d "${each}s" --latency -s "$here/reads.lua" "${@:3}" "$2" -- "$1" |
    awk '/Requests\/sec/ { r = $2 } /50%/ { m = $2 } /99%/ { p = $2 } /Non-2xx/ { e = $NF } END { printf "%d %s %s %d\n", r, m, p, e }'
}
tell() { # WHAT MODE URL [wrk options]: the median of three turns
  local rate p50 p99 errors
  one "${@:2}" > /dev/null
  read -r rate p50 p99 errors < <(for _ in 1 2 3; do one "${@:2}"; done | sort -n | sed -n 2p)
  echo "$1: $rate/s, p50 $p50, p99 $p99, $errors errors"
}
complete() { # how many hours Redis vouches for
  redis-cli -p $REDIS_PORT eval "local n = 0 for _, k in ipairs(redis.call('KEYS', 'analytics:hour:*')) do if redis.call('HGET', k, 'complete') == '1' then n = n + 1 end end return n" 0
}
refill() { # reads every hour until Redis holds them all
  local begun=$EPOCHREALTIME
  redis-cli -p $REDIS_PORT flushall > /dev/null
  until [ "$(complete)" -ge "$HOURS" ]; do
    seq 1 "$HOURS" | awk -v u=$query_url -v first=$first '{ printf "url = \"%s/analytics?timestamp=%.0f\"\noutput = /dev/null\n", u, (first - $1) * 3600000 }' |
      curl -sS --no-progress-meter --parallel --parallel-max 64 -K -
  done
  awk -v b="$begun" -v e="$EPOCHREALTIME" -v n="$HOURS" 'BEGIN { printf "refill of %d hours: %.1f s\n", n, e - b }'
}

echo "$(nproc) cores, 64 connections, turns of $each s"
tell "empty endpoint" current $empty_url
redis-benchmark -p $REDIS_PORT -t get -c 64 -n 200000 -q | tr '\r' '\n' | grep 'GET: .*p50' | tail -n 1 | sed 's/^/redis-benchmark /'
refill
tell "current hour, memory" current $query_url
tag=$(curl -sS -o /dev/null -D - "$query_url/analytics?timestamp=${now}000" | tr -d '\r' | sed -n 's/^ETag: //Ip')
tell "current hour, 304 to a client that has it" current $query_url -H "If-None-Match: $tag"
tell "95/5 mix" mix $query_url
tell "past hours, Redis" past $query_url
if command -v nginx > /dev/null || [ -x /usr/sbin/nginx ]; then
  cat > "$DATA/nginx.conf" <<CONF
$([ "$(id -u)" != 0 ] || echo "user root;") daemon off; pid $DATA/nginx.pid; error_log $DATA/nginx.log; worker_processes 1;
events { worker_connections 512; }
http { access_log off; proxy_cache_path $DATA/cache keys_zone=hours:10m; client_body_temp_path $DATA/n1; proxy_temp_path $DATA/n2; fastcgi_temp_path $DATA/n3; uwsgi_temp_path $DATA/n4; scgi_temp_path $DATA/n5;
  upstream query { server 127.0.0.1:$QUERY_PORT; keepalive 64; }
  server { listen 127.0.0.1:18098; location / { proxy_pass http://query; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_cache hours; proxy_cache_revalidate on; proxy_cache_lock on; } } }
CONF
  PATH=$PATH:/usr/sbin nginx -c "$DATA/nginx.conf" &
  nginx=$!
  sleep 1
  tell "past hours, kept by nginx for max-age" past $nginx_url
  tell "current hour through that nginx" current $nginx_url
fi
redis=$(cut -d' ' -f1 "$DATA/run/redis.pid")
kill -STOP "$redis"
sleep 2
tell "past hours, archive (Redis stopped)" past $query_url
kill -CONT "$redis"
