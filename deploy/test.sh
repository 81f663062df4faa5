#!/usr/bin/env bash
# `make test`: installs what the tests need where it may, builds, runs all three suites, and ends with `N passed, N failed, N skipped`.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/local/settings.sh"
logs=$root/artifacts/test-logs
mkdir -p "$logs"
. "$here/local/dependencies.sh"

need_dotnet
"$here/packages.sh" || exit 1
need_curl
need_librdkafka
need_redis

cd "$root" || exit 1
dotnet build Tally.slnx -c "$CONFIGURATION" -v quiet --nologo -nodeReuse:false || die "the build failed"

run_part() { # SUITE NAME FILTER: its own log; exit code and seconds beside it
  local log=$logs/$2.log begun=$SECONDS code=0
  dotnet test "tests/$1" -c "$CONFIGURATION" --no-build --nologo ${3:+--filter "$3"} \
    --logger "console;verbosity=normal" --blame-hang-timeout "${HANG_TIMEOUT:-4m}" > "$log" 2>&1 || code=1
  echo "$code $((SECONDS - begun))" > "$log.end"
}

# Measuring methods in order to compile them once more pays off for programs that run longer than a test.
export DOTNET_TieredPGO=0
# Most tests wait for processes more than they compute, so three run side by side all the time: the long suites come in two parts, the longest first. Four only take longer each.
declare -A suite_of=([EndToEnd.Jobs]=EndToEnd [EndToEnd]=EndToEnd [Integration.LocalBroker]=Integration [Integration]=Integration [Unit]=Unit)
declare -A filter_of=(
  [EndToEnd.Jobs]='FullyQualifiedName~EndToEnd.Colours|FullyQualifiedName~EndToEnd.Flows|FullyQualifiedName~EndToEnd.Frames'
  [EndToEnd]='FullyQualifiedName!~EndToEnd.Colours&FullyQualifiedName!~EndToEnd.Flows&FullyQualifiedName!~EndToEnd.Frames'
  [Integration.LocalBroker]='FullyQualifiedName~Integration.LocalBroker'
  [Integration]='FullyQualifiedName!~Integration.LocalBroker'
)
parts=${SUITES:-Integration EndToEnd Unit Integration.LocalBroker EndToEnd.Jobs}
[ -n "${SUITES:-}" ] || [ -z "${FILTER:-}" ] || parts="Unit Integration EndToEnd"
for part in $parts; do
  [ "$(jobs -rp | wc -l)" -lt 3 ] || wait -n
  filter=${FILTER:-}
  [ -n "${SUITES:-}$filter" ] || filter=${filter_of[$part]:-}
  run_part "${suite_of[$part]}" "$part" "$filter" &
done
wait

code=0 passed=0 failed=0 skipped=0
for part in $parts; do
  log=$logs/$part.log
  read -r ended seconds < "$log.end"
  [ "$ended" = 0 ] || code=1
  count() { sed -n "s/^ *$1: *\([0-9]*\).*/\1/p" "$log" | tail -n 1; }
  p=$(count Passed) f=$(count Failed) s=$(count Skipped)
  # A part that died before it counted anything has failed, whatever it printed.
  if [ -z "$p$f$s" ] && [ -z "${FILTER:-}" ]; then f=1 code=1; fi
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
  echo "$part: ${p:-0} passed, ${f:-0} failed, ${s:-0} skipped in $seconds s ($log)"
  grep -E '^ *Skipped [A-Z]' "$log" | sort -u | head -n 20
  [ "${f:-0}" = 0 ] || grep -E -A 25 '^ *Failed [A-Z]' "$log" | head -n 200
done
# Their names once more, where a log that was cut still shows them.
for part in $parts; do grep -hE '^ *Failed [A-Z]' "$logs/$part.log" | sort -u; done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] || code=1
exit $code
