#!/usr/bin/env bash
# Finds out once which package set restores on this machine and writes the choice to packages.local.props (ignored by git).
# `deploy/packages.sh` keeps a choice already made, `deploy/packages.sh --again` asks anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
choice=packages.local.props

if [ "${1:-}" != "--again" ] && [ -f "$choice" ]; then
  echo "packages: $(sed -n 's:.*<TallyPackages>\(.*\)</TallyPackages>.*:\1:p' "$choice") (chosen before; \`make packages\` asks again)"
  exit 0
fi
command -v dotnet > /dev/null || { echo "packages: no .NET SDK found: install .NET 10 (https://dot.net) and run this again" >&2; exit 1; }

probe=$(mktemp -d)
trap 'rm -rf -- "$probe"' EXIT
# Only what tells the sets apart is restored, in a project of its own that sees the real versions.
cp Directory.Packages.props "$probe/"
cat > "$probe/probe.csproj" <<P
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Confluent.Kafka" />
    <PackageReference Include="StackExchange.Redis" />
    <PackageReference Include="OpenTelemetry" />
  </ItemGroup>
  <ItemGroup Condition="'\$(TallyPackages)' == 'full'">
    <PackageReference Include="Streamiz.Kafka.Net" />
    <PackageReference Include="OpenTelemetry.Extensions.Hosting" />
    <PackageReference Include="Testcontainers.Redis" />
  </ItemGroup>
</Project>
P
for set in full mirror; do
  if dotnet restore "$probe/probe.csproj" -p:TallyPackages=$set > "$probe/$set.log" 2>&1; then
    printf '<Project>\n  <PropertyGroup>\n    <TallyPackages>%s</TallyPackages>\n  </PropertyGroup>\n</Project>\n' $set > "$choice.tmp"
    mv "$choice.tmp" "$choice"
    echo "packages: $set"
    exit 0
  fi
  rm -rf "$probe/obj"
done
echo "packages: neither package set restores; the package source answered: $(grep -m1 -o 'error NU.*' "$probe/mirror.log" || tail -n 1 "$probe/mirror.log")" >&2
echo "packages: check the network and \`dotnet nuget list source\`, then run \`make packages\`" >&2
exit 1
