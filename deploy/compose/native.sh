#!/usr/bin/env bash
# A step of the Dockerfile: for the package set mirror, the system's librdkafka and every library it needs that the runtime image has not.
# native.sh full|mirror FOLDER
set -euo pipefail
set=$1 out=$2
mkdir -p "$out"
[ "$set" = mirror ] || exit 0
if command -v apt-get > /dev/null && ! ldconfig -p | grep -q 'librdkafka\.so\.1'; then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends librdkafka1
fi
library=$(ldconfig -p | awk '/librdkafka\.so\.1 / { print $NF; exit }')
folder=$out/usr/lib/$(uname -m)-linux-gnu
mkdir -p "$folder"
# glibc, the C++ runtime and OpenSSL are in every .NET runtime image, in the versions that .NET wants.
{ echo "$library"; ldd "$library" | awk '$3 ~ /^\// { print $3 }'; } |
  grep -vE '/(libc|libm|libdl|libpthread|librt|libresolv|ld-linux[^/]*|libgcc_s|libstdc\+\+|libssl|libcrypto)\.so' |
  while read -r file; do cp -L "$file" "$folder/$(basename "$file")"; done
