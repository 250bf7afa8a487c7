#!/usr/bin/env bash
# Write requirements.lock: every dependency of both distributions and of the developer tools, with hashes.
# The file names no index and no download address.
set -eu
cd "$(dirname "$0")/.."
UV=$(command -v uv || echo .tools/uv/bin/uv)
"$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --all-extras --group dev --no-emit-index-url --no-emit-find-links \
  pyproject.toml firmware-sims/pyproject.toml -o requirements.lock "$@"
