#!/usr/bin/env bash
# `make up` with Docker: starts what docker-compose.yml says, waits until all of it is healthy.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../local/settings.sh"
. "$here/../mode.sh"

# Once, unless an earlier start has made them up inside its volume (deploy/compose/secrets.sh).
if [ ! -f "$root/.env" ] && ! docker volume inspect tally_key > /dev/null 2>&1; then
  random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
  (umask 077 && printf 'HASH_KEY=%s\nREDIS_PASSWORD=%s\nPOSTGRES_PASSWORD=%s\n' "$(random)" "$(random)" "$(random)" > "$root/.env")
  echo "tally: made .env with a hash key and passwords; lose the key and every user counts as new"
fi
compose up -d --wait --wait-timeout 300 --scale command-service="$COMMAND" --scale query-service="$QUERY" \
  --scale processor-service="$PROCESSOR" --scale materializer-service="$MATERIALIZER" ||
  die "not everything became healthy: \`docker compose ps\` shows what, \`make logs SERVICE=name\` tells why"
cat <<TXT

Tally runs in Docker (Kafka, Redis, PostgreSQL, Grafana). Try:

  now=\$(date +%s%3N)
  curl -i -X POST "http://localhost:$DOOR_PORT/analytics?timestamp=\$now&user=ada&click"
  curl "http://localhost:$DOOR_PORT/analytics?timestamp=\$now"

Grafana: http://localhost:${GRAFANA_PORT:-3000}. make demo sends a few thousand events; make status, make logs and make down do what they say.
TXT
