#!/usr/bin/env bash
# Make .venv from requirements.lock. Needs Python 3.11 or newer and a network; says what is missing.
# Runs in a second when nothing changed: the stamp holds a hash of everything the environment depends on.
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
  echo "setup: Python 3.11 or newer is needed as '$PYTHON'. Set PYTHON=/path/to/python3.11." >&2
  exit 1
}

stamp=$(cat requirements.lock pyproject.toml firmware-sims/pyproject.toml "$0" | sha256sum | cut -d' ' -f1)-$(pwd)
[ -x .venv/bin/python ] && [ "$(cat .venv/.stamp 2>/dev/null)" = "$stamp" ] && exit 0

# uv makes the environment. Take the one on the machine, else put one into .tools/.
if command -v uv >/dev/null 2>&1; then
  UV=$(command -v uv)
else
  UV=.tools/uv/bin/uv
  if [ ! -x "$UV" ]; then
    echo "setup: installing uv into .tools/ ..."
    if ! "$PYTHON" -m pip --version >/dev/null 2>&1; then
      tools/debian-packages.sh python3-pip
    fi
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools/uv uv
  fi
fi

echo "setup: making .venv from requirements.lock ..."
# A folder that was moved has a stale environment: its scripts name the old place.
grep -qsF "$(pwd)/.venv" .venv/bin/activate || "$UV" venv --quiet --clear --python "$PYTHON" .venv
"$UV" pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
# The two distributions of this repository. Their build tools are in the lock, so nothing else is fetched.
"$UV" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --offline -e . -e firmware-sims
echo "$stamp" > .venv/.stamp
