#!/bin/sh
# Installs the gateway on a hub with Debian 12 or 13 or Raspberry Pi OS (64 bit); docs/install.md.
#
#     sudo deploy/install.sh              install, or upgrade to what lies here
#     sudo deploy/install.sh --help       the rest: --dry-run, rollback, uninstall
set -eu
here=$(dirname "$(readlink -f "$0")")
# The system's own: a release is made of the Python that runs this, and must not lie in a checkout.
python=/usr/bin/python3
say() { # in English, or in French where the machine speaks it
  case "${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}" in fr*) echo "installation : $2" ;; *) echo "install: $1" ;; esac
}
if [ ! -x "$python" ]; then
  [ "$(id -u)" = 0 ] || {
    say "python3 is missing, and installing it needs root: run it with sudo." \
      "python3 manque, et l'installer demande les droits de root : relancez la commande avec sudo." >&2
    exit 1
  }
  say "python3 is missing, so it comes first." "python3 manque, il vient donc d'abord."
  apt-get update -qq && apt-get install -y -qq --no-install-recommends python3
fi
"$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  say "Python 3.11 or newer is needed as $python, as Debian 12 has it: upgrade Debian first." \
    "il faut Python 3.11 ou plus récent comme $python, celui de Debian 12 : mettez d'abord Debian à jour." >&2
  exit 1
}
exec "$python" -I "$here/installer" "$@"
