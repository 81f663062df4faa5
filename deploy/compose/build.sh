#!/usr/bin/env bash
# A step of the Dockerfile, and fit to be tried without Docker: publishes the four services with one package set.
# build.sh full|mirror FOLDER
set -euo pipefail
set=$1 out=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
services=(command-service processor-service materializer-service query-service)

printf '<Project>\n  <PropertyGroup>\n    <TallyPackages>%s</TallyPackages>\n  </PropertyGroup>\n</Project>\n' "$set" > packages.local.props
mkdir -p "$out/empty"
for service in "${services[@]}"; do
  if ! dotnet restore "$service" -v quiet; then
    [ "$set" = mirror ] || echo "Package set $set does not restore from this registry: build with TallyPackages=mirror (TALLY_PACKAGES=mirror in .env or as --build-arg)." >&2
    exit 1
  fi
done
for service in "${services[@]}"; do dotnet publish "$service" -c Release --no-restore -v quiet --nologo -o "$out/$service"; done
