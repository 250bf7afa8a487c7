#!/usr/bin/env bash
# Write requirements.lock: every dependency of both distributions and of the developer tools, with hashes;
# and, with the same versions, what a hub gets (deploy/requirements.lock) and what its wheel is built with
# (deploy/build.lock). No file names an index or a download address.
set -eu
cd "$(dirname "$0")/.."
UV=$(command -v uv || echo .tools/uv/bin/uv)
compile() {
  "$UV" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links "$@"
}
compile --all-extras --group dev pyproject.toml firmware-sims/pyproject.toml -o requirements.lock "$@"
compile --constraint requirements.lock --extra hci pyproject.toml -o deploy/requirements.lock
.venv/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' |
  compile --constraint requirements.lock - -o deploy/build.lock
