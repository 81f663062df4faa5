#!/usr/bin/env bash
# By how much a number is older in each cache than in Redis: memory of query-service, a client that asks again with its ETag, an nginx that keeps closed hours for
# Query:MaxAge (MAX_AGE, 5 s here). Ports 18080 and up, data in a temporary folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
export DATA=${BENCH_DATA:-$(mktemp -d)} DOOR_PORT=18080 COMMAND_PORT=18081 QUERY_PORT=18082 PROCESSOR_PORT=18083 MATERIALIZER_PORT=18084 \
  KAFKA_PORT=19192 REDIS_PORT=16379 Query__MaxAge=00:00:0${MAX_AGE:-5}
command_url=http://127.0.0.1:$COMMAND_PORT query_url=http://127.0.0.1:$QUERY_PORT gateway=-
trap 'kill ${nginx:-} 2> /dev/null || true; "$root/deploy/local/down.sh" > /dev/null; rm -rf -- "$DATA"' EXIT

dotnet build "$here/Staleness" -c Release -v quiet --nologo > /dev/null
"$root/deploy/local/up.sh" > /dev/null
if PATH=$PATH:/usr/sbin command -v nginx > /dev/null; then
  cat > "$DATA/nginx.conf" <<CONF
$([ "$(id -u)" != 0 ] || echo "user root;") daemon off; pid $DATA/nginx.pid; error_log $DATA/nginx.log; worker_processes 1;
events { worker_connections 512; }
http { access_log off; proxy_cache_path $DATA/cache keys_zone=hours:10m; client_body_temp_path $DATA/n1; proxy_temp_path $DATA/n2; fastcgi_temp_path $DATA/n3; uwsgi_temp_path $DATA/n4; scgi_temp_path $DATA/n5;
  server { listen 127.0.0.1:18098; location / { proxy_pass $query_url; proxy_cache hours; proxy_cache_revalidate on; } } }
CONF
  PATH=$PATH:/usr/sbin nginx -c "$DATA/nginx.conf" &
  nginx=$! gateway=http://127.0.0.1:18098
  sleep 1
fi
dotnet "$root/artifacts/bin/Staleness/release/Tally.Staleness.dll" $command_url $query_url 127.0.0.1:$REDIS_PORT $gateway "${PROBES:-400}"
