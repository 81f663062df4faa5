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
  local code=0 limit=${BUILD_LIMIT:-600}
  (cd "$root" && timeout "$limit" dotnet build deploy/local/Services.proj -c "$CONFIGURATION" -v quiet --nologo -nodeReuse:false -p:UseSharedCompilation=false) > "$logs/build.log" 2>&1 || code=$?
  [ $code != 124 ] ||
    die "the build took longer than $limit s: a package source may hang; see to \`dotnet nuget list source\` and the network, then run \`make\` again (all of it: $logs/build.log)"
  [ $code = 0 ] || {
    local said
    said=$(sed -nE 's/.*error (NU[0-9]+: .*)/\1/p' "$logs/build.log" | head -n 1 | sed 's/ \[.*\]$//; s/\.$//' | cut -c 1-300)
    [ -z "$said" ] ||
      die "the package source does not give what Tally needs ($said): see to \`dotnet nuget list source\` and the network, then \`make packages\` and \`make\` again (all of it: $logs/build.log)"
    grep -m 5 'error' "$logs/build.log" >&2 || true
    die "the build failed (all of it: $logs/build.log)"
  }
  mv "$started" "$stamp"
}
