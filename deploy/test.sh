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

run_suite() { # SUITE: its own log; exit code and seconds beside it
  local log=$logs/$1.log begun=$SECONDS code=0
  dotnet test "tests/$1" -c "$CONFIGURATION" --no-build --nologo ${FILTER:+--filter "$FILTER"} \
    --logger "console;verbosity=normal" --blame-hang-timeout "${HANG_TIMEOUT:-4m}" > "$log" 2>&1 || code=1
  echo "$code $((SECONDS - begun))" > "$log.end"
}

# Measuring methods in order to compile them once more pays off for programs that run longer than a test.
export DOTNET_TieredPGO=0
# Most tests wait for processes more than they compute, so the suites run side by side.
suites=${SUITES:-Unit Integration EndToEnd}
for suite in $suites; do run_suite "$suite" & done
wait

code=0 passed=0 failed=0 skipped=0
for suite in $suites; do
  log=$logs/$suite.log
  read -r ended seconds < "$log.end"
  [ "$ended" = 0 ] || code=1
  count() { sed -n "s/^ *$1: *\([0-9]*\).*/\1/p" "$log" | tail -n 1; }
  p=$(count Passed) f=$(count Failed) s=$(count Skipped)
  # A suite that died before it counted anything has failed, whatever it printed.
  if [ -z "$p$f$s" ] && [ -z "${FILTER:-}" ]; then f=1 code=1; fi
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
  echo "$suite: ${p:-0} passed, ${f:-0} failed, ${s:-0} skipped in $seconds s ($log)"
  grep -E '^ *Skipped [A-Z]' "$log" | sort -u | head -n 20
  [ "${f:-0}" = 0 ] || grep -E -A 25 '^ *Failed [A-Z]' "$log" | head -n 200
done
# Their names once more, where a log that was cut still shows them.
for suite in $suites; do grep -hE '^ *Failed [A-Z]' "$logs/$suite.log" | sort -u; done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] || code=1
exit $code
