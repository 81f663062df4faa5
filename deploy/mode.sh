# shellcheck shell=bash disable=SC2154,SC2034
# Local mode or compose: sourced after local/settings.sh. MODE=local|compose forces one; otherwise what runs already stays, and a fresh
# start takes compose where a Docker engine answers and the images can be had.
chosen=$DATA/mode
compose() { (cd "$root" && docker compose --profile observability "$@"); }

running_mode() { # the mode of the last start, empty before the first
  case ${MODE:-} in
    local | compose) echo "$MODE" ;;
    '') cat "$chosen" 2> /dev/null || echo local ;;
    *) die "MODE is '$MODE'; it is local or compose" ;;
  esac
}

kafka_of_mode() { # PORT: sets bootstrap to where programs of this machine reach Kafka; compose publishes it at 19092 unless told
  [ -n "$BOOTSTRAP" ] || [ "$(running_mode)" != compose ] || bootstrap=127.0.0.1:${1:-19092}
}

why_no_engine() { # prints why compose cannot be used; nothing when it can
  command -v docker > /dev/null || { echo "there is no docker here"; return; }
  timeout 15 docker info > /dev/null 2>&1 || { echo "no Docker engine answers"; return; }
  docker compose version > /dev/null 2>&1 || echo "docker has no compose plugin"
}

why_no_images() { # gets what is missing; prints why it cannot
  local image log=$logs/images.log
  for image in $(compose config --images | sort -u); do
    case $image in tally/*) continue ;; esac
    docker image inspect "$image" > /dev/null 2>&1 && continue
    echo "tally: pulling $image" >&2
    timeout 900 docker pull -q "$image" > "$log" 2>&1 || { echo "the image $image is not here and cannot be pulled ($(tail -n 1 "$log"))"; return; }
  done
  echo "tally: building the images of the services" >&2
  compose build > "$log" 2>&1 ||
    echo "the images of the services cannot be built ($(grep -oE 'Package set .*' "$log" | head -n 1 | sed 's/\.$//' | grep . || tail -n 1 "$log"); all of it: $log)"
}

choose_mode() { # sets mode and why
  local before
  case ${MODE:-} in
    local) mode=local why="MODE=local says so"; return ;;
    compose)
      why=$(why_no_engine)
      [ -n "$why" ] || why=$(why_no_images)
      [ -z "$why" ] || die "MODE=compose cannot be had: $why"
      mode=compose why="MODE=compose says so"
      return ;;
    '') ;;
    *) die "MODE is '$MODE'; it is local or compose" ;;
  esac
  before=$(cat "$chosen" 2> /dev/null || true)
  if [ -n "$before" ] && [ "$before" = local ] && compgen -G "$run/*.pid" > /dev/null; then mode=local why="it runs so already"; return; fi
  mode=local why=$(why_no_engine)
  [ -n "$why" ] || why=$(why_no_images)
  [ -n "$why" ] || { mode=compose; why="a Docker engine answers and the images are here"; }
}
