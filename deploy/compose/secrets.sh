#!/bin/sh
# compose's one-shot before everything: makes the hash key and the passwords of Redis and PostgreSQL once, into two volumes that only those
# who need them mount. HASH_KEY, REDIS_PASSWORD and POSTGRES_PASSWORD (from .env) are taken instead of made-up ones. What is there stays.
set -eu
umask 277
key_folder=${KEY_FOLDER:-/key}
password_folder=${PASSWORD_FOLDER:-/passwords}
# User ids of the images: the services (chiselled), Redis and PostgreSQL (both alpine).
services=1654 redis=999 postgres=70

fail() { echo "secrets: $*" >&2; exit 1; }
made_up() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

put() { # FILE OWNER TEXT: whole or not at all
  printf '%s\n' "$3" > "$1.new"
  [ "$(id -u)" != 0 ] || chown "$2" "$1.new"
  mv -f "$1.new" "$1"
}

secret() { # FILE VARIABLE GIVEN: the text that holds, in $value
  if [ -f "$1" ]; then
    value=$(cat "$1")
    [ -z "$3" ] || [ "$3" = "$value" ] ||
      fail "$2 in .env is not what the volume holds: take it out of .env, or remove the volume (docker compose down -v removes the data too)"
  else
    value=${3:-$(made_up)}
  fi
}

plain() { # VARIABLE VALUE: it stands unquoted in configuration files
  case $2 in '' | *[!A-Za-z0-9._-]*) fail "$1 must be letters, digits, dots, dashes and underscores" ;; esac
}

rm -f "$key_folder"/*.new "$password_folder"/*.new
secret "$key_folder/hash.key" HASH_KEY "${HASH_KEY:-}"
case $value in *[!0-9a-fA-F]*) fail "HASH_KEY must be 64 hex digits" ;; esac
[ ${#value} = 64 ] || fail "HASH_KEY must be 64 hex digits"
put "$key_folder/hash.key" $services "$value"

secret "$password_folder/redis.password" REDIS_PASSWORD "${REDIS_PASSWORD:-}"
plain REDIS_PASSWORD "$value"
put "$password_folder/redis.password" $services "$value"
put "$password_folder/redis.conf" $redis "requirepass $value
maxmemory 800mb
maxmemory-policy noeviction
save 60 1
dir /data"

secret "$password_folder/postgres.password" POSTGRES_PASSWORD "${POSTGRES_PASSWORD:-}"
plain POSTGRES_PASSWORD "$value"
put "$password_folder/postgres.password" $postgres "$value"
put "$password_folder/pgpass" $services "*:*:*:tally:$value"
echo "secrets: in place"
