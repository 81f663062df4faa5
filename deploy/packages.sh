#!/usr/bin/env bash
# Finds out once which package set restores on this machine, and whether the compiler for machine code does; writes both to packages.local.props (ignored by git).
# `deploy/packages.sh` keeps a choice already made, `deploy/packages.sh --again` asks anew.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
choice=packages.local.props

if [ "${1:-}" != "--again" ] && [ -f "$choice" ]; then
  echo "packages: $(sed -n 's:.*<TallyPackages>\(.*\)</TallyPackages>.*:\1:p' "$choice") (chosen before; \`make packages\` asks again)"
  exit 0
fi
command -v dotnet > /dev/null || { echo "tally: no .NET SDK found: install the .NET 10 SDK (https://dot.net/download) and run this again" >&2; exit 1; }

probe=$(mktemp -d)
trap 'rm -rf -- "$probe"' EXIT
# Only what tells the sets apart is restored, in a project of its own that sees the real versions.
cp Directory.Packages.props "$probe/"
cat > "$probe/probe.csproj" <<P
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>net10.0</TargetFramework>
    <!-- Another version than the pinned one is as good as none: the build would refuse it. -->
    <WarningsAsErrors>NU1603</WarningsAsErrors>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Confluent.Kafka" />
    <PackageReference Include="StackExchange.Redis" />
    <PackageReference Include="OpenTelemetry" />
    <PackageReference Include="Microsoft.Data.Sqlite.Core" />
    <PackageReference Include="SQLitePCLRaw.bundle_e_sqlite3" />
  </ItemGroup>
  <ItemGroup Condition="'\$(TallyPackages)' == 'full'">
    <PackageReference Include="Streamiz.Kafka.Net" />
    <PackageReference Include="RocksDB" />
    <PackageReference Include="OpenTelemetry.Extensions.Hosting" />
    <PackageReference Include="Yarp.ReverseProxy" />
    <PackageReference Include="Testcontainers.Redis" />
  </ItemGroup>
</Project>
P
# The compiler that Directory.Build.targets runs: its package has the version of the SDK's own runtime.
cat > "$probe/ahead.proj" <<P
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageDownload Include="microsoft.netcore.app.crossgen2.\$(NETCoreSdkPortableRuntimeIdentifier)" Version="[\$(BundledNETCoreAppPackageVersion)]" /></ItemGroup>
</Project>
P
compiles_ahead() {
  timeout "${RESTORE_LIMIT:-180}" dotnet restore "$probe/ahead.proj" -nodeReuse:false > "$probe/ahead.log" 2>&1 && echo true || echo false
}
fail() { # the first thing that the package source said, and what to do
  local said
  said=$(sed -n 's/.*error \(NU[0-9]*: .*\)/\1/p' "$1" | head -n 1 | sed 's/ \[.*\]$//; s/\.$//' | cut -c 1-300)
  echo "tally: the package source does not give what Tally needs (${said:-$(tail -n 1 "$1")}): see to \`dotnet nuget list source\` and the network, then run \`make\` again" >&2
  exit 1
}

for set in full mirror; do
  code=0
  timeout "${RESTORE_LIMIT:-180}" dotnet restore "$probe/probe.csproj" -nodeReuse:false -p:TallyPackages=$set > "$probe/$set.log" 2>&1 || code=$?
  if [ $code = 0 ]; then
    ahead=$(compiles_ahead)
    printf '<Project>\n  <PropertyGroup>\n    <TallyPackages>%s</TallyPackages>\n    <TallyCompilesAhead>%s</TallyCompilesAhead>\n  </PropertyGroup>\n</Project>\n' $set $ahead > "$choice.tmp"
    mv "$choice.tmp" "$choice"
    echo "packages: $set$([ $ahead = true ] || echo " (without the compiler for machine code: programs start slower)")"
    exit 0
  fi
  [ $code != 124 ] || echo "error NU1301: no answer for ${RESTORE_LIMIT:-180} s" >> "$probe/$set.log"
  # A source that cannot be reached at all gives the other set neither; one that lacks some packages may.
  ! grep -qE 'Unable to load the service index|error NU1301: no answer' "$probe/$set.log" || fail "$probe/$set.log"
  rm -rf "$probe/obj"
done
fail "$probe/mirror.log"
