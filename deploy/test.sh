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
dotnet build Tally.slnx -c "$CONFIGURATION" -v quiet --nologo || die "the build failed"

code=0 passed=0 failed=0 skipped=0
for suite in ${SUITES:-Unit Integration EndToEnd}; do
  log=$logs/$suite.log
  begun=$SECONDS
  dotnet test "tests/$suite" -c "$CONFIGURATION" --no-build --nologo ${FILTER:+--filter "$FILTER"} \
    --logger "console;verbosity=normal" --blame-hang-timeout ${HANG_TIMEOUT:-4m} > "$log" 2>&1 || code=1
  count() { sed -n "s/^ *$1: *\([0-9]*\).*/\1/p" "$log" | tail -n 1; }
  p=$(count Passed) f=$(count Failed) s=$(count Skipped)
  # A suite that died before it counted anything has failed, whatever it printed.
  if [ -z "$p$f$s" ] && [ -z "${FILTER:-}" ]; then f=1 code=1; fi
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
  echo "$suite: ${p:-0} passed, ${f:-0} failed, ${s:-0} skipped in $((SECONDS - begun)) s ($log)"
  grep -E '^ *Skipped ' "$log" | sort -u | head -n 20
  [ "${f:-0}" = 0 ] || grep -E -A 25 '^ *Failed ' "$log" | head -n 200
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] || code=1
exit $code
