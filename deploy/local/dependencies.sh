# shellcheck shell=bash disable=SC2154,SC2034
# What a fresh machine needs. Installs from the system's packages where it may, says what to install where it may not.

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then sudo "$@"; else return 1; fi
}

updated=
install_package() { # PACKAGE WHAT-FOR
  command -v apt-get > /dev/null || die "$1 is missing ($2): install it with your system's package manager and run this again"
  echo "tally: installing $1 ($2)"
  if [ -z "$updated" ]; then
    as_root apt-get update -qq > "$logs/install.log" 2>&1 || true
    updated=1
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >> "$logs/install.log" 2>&1 ||
    die "$1 is missing ($2) and could not be installed: run \`sudo apt-get install $1\` (what happened: $logs/install.log)"
}

need_dotnet() {
  command -v dotnet > /dev/null || die "no .NET SDK found: install the .NET 10 SDK (https://dot.net/download) and run this again"
  dotnet --list-sdks 2> /dev/null | grep -q '^10\.' ||
    die "the .NET SDK here is $(dotnet --version 2> /dev/null || echo of another version); Tally needs 10: install it (https://dot.net/download)"
}

need_librdkafka() { # the mirror package set uses the system's
  grep -q '>mirror<' "$root/packages.local.props" 2> /dev/null || return 0
  ldconfig -p 2> /dev/null | grep -q 'librdkafka\.so\.1' || [ -e /usr/lib/x86_64-linux-gnu/librdkafka.so.1 ] ||
    install_package librdkafka1 "the Kafka client's native library"
}

need_redis() {
  command -v redis-server > /dev/null && return 0
  install_package redis-server "the hot read model"
  # Debian starts the service it has just installed, on the port that ours will use.
  if [ -d /run/systemd/system ]; then as_root systemctl disable --now redis-server > /dev/null 2>&1 || true; fi
}

need_curl() { command -v curl > /dev/null || install_package curl "health checks and the demo"; }

want_package() { # PROGRAM... PACKAGE: for tests that are skipped without it; says so and goes on
  local package=${!#} program
  for program in "${@:1:$#-1}"; do compgen -G "$program" > /dev/null && return 0; command -v "$program" > /dev/null && return 0; done
  (install_package "$package" "tests that are skipped without it") || true
}
