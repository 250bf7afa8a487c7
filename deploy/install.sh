#!/bin/sh
# Installs the gateway on a hub with Debian 12 or 13 or Raspberry Pi OS (64 bit); docs/install.md.
#
#     sudo deploy/install.sh              install, or upgrade to what lies here
#     sudo deploy/install.sh --help       the rest: --dry-run, rollback, uninstall
set -eu
here=$(dirname "$(readlink -f "$0")")
# The system's own: a release is made of the Python that runs this, and must not lie in a checkout.
python=/usr/bin/python3
if [ ! -x "$python" ]; then
  [ "$(id -u)" = 0 ] || { echo "install: python3 is missing, and installing it needs root: run it with sudo." >&2; exit 1; }
  echo "install: python3 is missing, so it comes first."
  apt-get update -qq && apt-get install -y -qq --no-install-recommends python3
fi
"$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "install: Python 3.11 or newer is needed as $python, as Debian 12 has it: upgrade Debian first." >&2
  exit 1
}
exec "$python" -I "$here/installer" "$@"
