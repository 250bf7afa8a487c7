#!/bin/sh
# Installs the gateway on a hub with Debian 12 or 13 or Raspberry Pi OS (64 bit); docs/install.md.
#
#     sudo deploy/install.sh              install, or upgrade to what lies here
#     sudo deploy/install.sh --help       the rest: --dry-run, rollback, uninstall
set -eu
here=$(dirname "$(readlink -f "$0")")
if ! command -v python3 >/dev/null; then
  [ "$(id -u)" = 0 ] || { echo "install: python3 is missing, and installing it needs root: run it with sudo." >&2; exit 1; }
  echo "install: python3 is missing, so it comes first."
  apt-get update -qq && apt-get install -y -qq --no-install-recommends python3
fi
exec python3 -I "$here/installer" "$@"
