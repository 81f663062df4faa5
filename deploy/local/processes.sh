# shellcheck shell=bash disable=SC2154,SC2034
# Starting, finding and ending the processes of the local mode. A process is known by data/run/NAME.pid: its pid and its start time,
# so that a pid which the system gave to somebody else is never taken for ours.

# A process that has ended but whose parent has not yet noticed (state Z) is gone.
start_time() { awk '{ sub(/.*\) /, ""); if ($1 != "Z") print $20 }' "/proc/$1/stat" 2> /dev/null; }

pid_of() { # NAME
  local pid started
  [ -f "$run/$1.pid" ] || return 1
  read -r pid started < "$run/$1.pid"
  [ -n "$started" ] && [ "$(start_time "$pid")" = "$started" ] && echo "$pid"
}

alive() { pid_of "$1" > /dev/null; }

port_answers() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

claim_port() { # NAME PORT VARIABLE
  port_answers "$2" || return 0
  local other=$(($2 > 55000 ? $2 - 10000 : $2 + 10000))
  die "port $2, which $1 needs, is in use: stop what listens there, or choose another port with \`make up $3=$other\`"
}

launch() { # NAME PORT COMMAND...: in the background, output to data/logs/NAME.log
  local name=$1 port=$2
  shift 2
  # Earlier runs stand in the same log: what they said is not why this one ended.
  stat -c %s "$logs/$name.log" > "$run/$name.log-begin" 2> /dev/null || echo 0 > "$run/$name.log-begin"
  setsid nohup "$@" >> "$logs/$name.log" 2>&1 < /dev/null &
  local pid=$!
  echo "$pid $(start_time "$pid")" > "$run/$name.pid"
  echo "$port" > "$run/$name.port"
}

this_run() { # NAME: its log since it was started
  tail -c "+$(($(cat "$run/$1.log-begin" 2> /dev/null || echo 0) + 1))" "$logs/$1.log" 2> /dev/null
}

last_words() { # NAME: the sentence it refused to go on with: plain ("processor-service: …"), or out of its JSON log (%b reads the escapes); nothing when it said none
  local plain
  plain=$(this_run "$1" | grep -E '^[a-z-]+: ' | tail -n 1 | cut -d' ' -f2-)
  [ -z "$plain" ] || { echo "${plain%.}"; return; }
  printf '%b' "$(this_run "$1" | tail -n 40 | grep -F '"LogLevel":"Critical"' | tail -n 1 | grep -oE '"Message":"[^"]*' | head -n 1 | cut -d'"' -f4)"
}

wait_for() { # NAME SECONDS CHECK...: until the check succeeds; the process ending first is an error that shows its last words
  local name=$1 limit=$2 begun=$SECONDS
  shift 2
  until "$@"; do
    if ! alive "$name"; then
      local words
      words=$(last_words "$name")
      [ -z "$words" ] || die "$name ended while starting: $words (all of it: $logs/$name.log)"
      echo "tally: $name ended while starting; the last lines of $logs/$name.log:" >&2
      this_run "$name" | tail -n 5 >&2
      exit 1
    fi
    [ $((SECONDS - begun)) -lt "$limit" ] || die "$name was not ready after $limit s: see \`make status\` and \`make logs SERVICE=$name\`"
    sleep 0.1
  done
}

ready() { curl -fsS -o /dev/null -m 2 "http://127.0.0.1:$1/health/ready" 2> /dev/null; }

end() { # NAME: SIGTERM, and SIGKILL after ten seconds
  local pid tries
  if pid=$(pid_of "$1"); then
    kill -TERM "$pid" 2> /dev/null
    for tries in $(seq 1 100); do
      alive "$1" || break
      sleep 0.1
    done
    alive "$1" && { echo "tally: $1 did not end in 10 s and was killed" >&2; kill -KILL "$pid" 2> /dev/null; }
  fi
  rm -f "$run/$1.pid" "$run/$1.port"
}

names() { ls "$run" 2> /dev/null | sed -n 's/\.pid$//p'; }
