#!/usr/bin/env bash
# Ranges from an archive of two years: 2 years by day in under 200 ms, by hour streamed. USERS=600 of an hour and partition; ARCHIVE="Host=…" for a PostgreSQL.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dotnet build "$root/bench/Range" -c Release -v quiet --nologo > /dev/null
dotnet build "$root/query-service" -c Release -v quiet --nologo > /dev/null
exec dotnet "$root/artifacts/bin/Range/release/Tally.RangeBench.dll" "$root/artifacts/bin/QueryService/release/Tally.QueryService.dll" "${USERS:-600}" ${ARCHIVE:+"$ARCHIVE"}
