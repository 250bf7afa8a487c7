#!/usr/bin/env bash
# Do what README.md says on a Debian that has git, make and python3, and nothing else: the demonstration, then
# what continuous integration runs, from a fresh clone of the last commit. Needs root; takes ten minutes or more.
#
#     tools/fresh-debian.sh            trixie (Debian 13)
#     tools/fresh-debian.sh bookworm   Debian 12
set -eu
cd "$(dirname "$0")/.."

suite=${1:-trixie}
bare=$PWD/.tools/fresh-debian/$suite/bare
root=$PWD/.tools/fresh-debian/$suite/root

[ "$(id -u)" = 0 ] || { echo "setup: a Debian inside this one needs root: run it with sudo." >&2; exit 1; }
tools/debian-root.sh "$suite" "$bare" git,make,python3,ca-certificates

rm -rf --one-file-system "$root"
cp -a "$bare" "$root"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
git clone -q . "$root/srv/checkout"
unshare --mount --pid --fork --kill-child sh -eu -c '
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  mount -t sysfs sysfs "$1/sys"
  mount -t tmpfs -o mode=755 tmpfs "$1/run"
  exec env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    $(env | grep -E "^(https?_proxy|no_proxy|PIP_INDEX_URL)=" || true) \
    chroot "$1" sh -euc "cd /srv/checkout && make demo SECONDS=20 && .ci/run"
  ' fresh "$root"
