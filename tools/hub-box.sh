#!/usr/bin/env bash
# Make .tools/hub-box/SUITE/{root,wheels}: a small Debian with systemd, as a hub has it before anything is
# installed, and the packages that the gateway needs there. tests/installation starts it as a container.
#
#     tools/hub-box.sh            trixie (Debian 13)
#     tools/hub-box.sh bookworm   Debian 12
set -eu
cd "$(dirname "$0")/.."

say() { echo "hub-box: $*" >&2; }
give_up() { say "$*"; exit 1; }

suite=${1:-trixie}
BOX=$PWD/.tools/hub-box/$suite
PACKAGES=systemd,systemd-sysv,systemd-timesyncd,udev,dbus,bluez,python3,python3-venv,ca-certificates

[ "$(id -u)" = 0 ] || give_up "a container with systemd needs root: run it with sudo."
tools/debian-packages.sh systemd-container
tools/debian-root.sh "$suite" "$BOX/root" "$PACKAGES"

stamp=$(cat deploy/requirements.lock deploy/build.lock | sha256sum | cut -d' ' -f1)
if [ "$(cat "$BOX/.stamp" 2>/dev/null)" != "$stamp" ]; then
  say "fetching the packages of deploy/*.lock for its Python ..."
  rm -rf "$BOX/wheels" "$BOX/fetching"
  mkdir -p "$BOX/wheels" "$BOX/fetching"
  cp deploy/*.lock "$BOX/fetching/"
  # pip asks this machine's network as this machine does, in the box's Python.
  cp -L /etc/ssl/certs/ca-certificates.crt "$BOX/fetching/ca.crt"
  unshare --mount sh -eu -c '
    mkdir -p "$1/root/mnt/fetching" "$1/root/mnt/wheels"
    mount --bind "$1/fetching" "$1/root/mnt/fetching"
    mount --bind "$1/wheels" "$1/root/mnt/wheels"
    cp -L /etc/resolv.conf "$1/root/etc/resolv.conf"
    env -i PATH="$PATH" PIP_CERT=/mnt/fetching/ca.crt $(env | grep -E "^(https?_proxy|no_proxy|PIP_INDEX_URL)=" || true) \
      chroot "$1/root" sh -eu -c "
        python3 -m venv /mnt/fetching/tools
        for lock in requirements build; do
          /mnt/fetching/tools/bin/pip download --quiet --no-cache-dir --require-hashes --only-binary :all: \
            -r /mnt/fetching/\$lock.lock -d /mnt/wheels
        done"
    ' fetch "$BOX" >"$BOX/fetch.log" 2>&1 || { tail -n 5 "$BOX/fetch.log" >&2; give_up "pip could not fetch the packages."; }
  rm -rf "$BOX/fetching"
  echo "$stamp" >"$BOX/.stamp"
fi
