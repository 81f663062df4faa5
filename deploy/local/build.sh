# shellcheck shell=bash disable=SC2154
# Builds the services when a source is newer than the last build: a warm start does not pay for MSBuild.

stamp=$root/artifacts/.built-$CONFIGURATION
programs=(command-service processor-service materializer-service query-service gateway local-broker)

program() { # FOLDER PROJECT: the built program
  echo "$root/artifacts/bin/$1/${CONFIGURATION,,}/Tally.$1.dll"
}

sources_changed() {
  [ -f "$stamp" ] || return 0
  [ -n "$(cd "$root" && find "${programs[@]}" shared ./*.props ./*.targets global.json -type f -newer "$stamp" -print -quit)" ]
}

build() {
  sources_changed || return 0
  echo "tally: building"
  mkdir -p "$root/artifacts"
  local started=$root/artifacts/.build-started
  touch "$started"
  (cd "$root" && dotnet build deploy/local/Services.proj -c "$CONFIGURATION" -v quiet --nologo) > "$logs/build.log" 2>&1 || {
    grep -m 5 -E 'error|NU[0-9]+' "$logs/build.log" >&2
    if grep -qE 'NU1301|NU1101|NU1102' "$logs/build.log"; then
      die "packages could not be restored: check the network and \`dotnet nuget list source\`, then \`make packages\` and \`make up\` (all of it: $logs/build.log)"
    fi
    die "the build failed (all of it: $logs/build.log)"
  }
  mv "$started" "$stamp"
}
