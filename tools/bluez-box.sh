#!/usr/bin/env bash
# Make .tools/bluez-box/{vmlinuz,initramfs.gz}: a Linux with Bluetooth in the smallest box there is, which
# tests/bluez runs in QEMU, so that the gateway meets the real bluetoothd without any Bluetooth hardware.
#
# Debian's own packages, fetched by apt into a private folder with a state of its own; the machine keeps
# what it has, but for QEMU itself, kmod and xz. The box is made anew when this script or tools/bluez_box changed.
set -eu
cd "$(dirname "$0")/.."

say() { echo "bluez-box: $*" >&2; }
give_up() { say "$*"; exit 1; }

BOX=$PWD/.tools/bluez-box
stamp=$(cat "$0" tools/bluez_box/* | sha256sum | cut -d' ' -f1)

[ "$(uname -m)" = x86_64 ] || give_up "the box is built on and for amd64 only; this machine is $(uname -m)."
tools/debian-packages.sh qemu-system-x86 seabios kmod xz-utils
[ "$(cat "$BOX/.stamp" 2>/dev/null)" = "$stamp" ] && exit 0

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$KEYRING" ] || give_up "Debian's keys are missing: 'apt-get install debian-archive-keyring', then try again."
. /etc/os-release
mirror=$(tools/debian-mirror.sh)

USERLAND=(bluez dbus-daemon dbus-system-bus-common socat busybox-static)
PROGRAMS=(usr/libexec/bluetooth/bluetoothd usr/bin/btattach usr/bin/bluetoothctl usr/bin/dbus-daemon usr/bin/socat)
# In the order they are loaded. Linux 6.1 has the random generator of pairing as modules, 6.12 built in.
MODULES=(virtio_pci virtio_net virtio_console
  hmac ctr sha256_generic sha512_generic drbg cmac ecb aes_generic ecdh_generic
  bluetooth hci_uart)

apt=$BOX/apt root=$BOX/root guest=$BOX/guest

fetch() { # suite
  rm -rf "$apt" "$root" "$guest"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/none"
  : >"$apt/status"
  echo "deb [signed-by=$KEYRING] $mirror $1 main" >"$apt/sources.list"
  cat >"$apt/apt.conf" <<CONF
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "$apt/none";
Dir::Etc::PreferencesParts "$apt/none";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
  (
    set -e
    export APT_CONFIG=$apt/apt.conf
    apt-get update -q
    # The names of kernels end in their version; the nameless one depends on the newest.
    kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
    apt-get install -q -y --download-only --no-install-recommends "${USERLAND[@]}"
    cd "$apt/cache/archives" && apt-get download -q "$kernel"
  ) >"$BOX/fetch.log" 2>&1
}

pack() {
  mkdir -p "$root/usr"/{bin,sbin,lib,lib64}
  for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
  for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
  kernel=$(basename "$root"/boot/vmlinuz-*) && kernel=${kernel#vmlinuz-}

  mkdir -p "$guest"/{proc,sys,dev,run,tmp,etc/bluetooth,usr/share/dbus-1/system.d,var/lib/bluetooth,usr/bin,usr/lib,modules}
  for folder in bin sbin lib lib64; do ln -s "usr/${folder/sbin/bin}" "$guest/$folder"; done
  mkdir -p "$guest/usr/lib64"
  for program in "${PROGRAMS[@]}"; do
    cp "$root/$program" "$guest/usr/bin/"
    libraries_of "$root/$program" | while read -r library; do cp -nL "$library" "$guest/usr/lib/"; done
  done
  cp -L "$root/lib64/ld-linux-x86-64.so.2" "$guest/usr/lib64/"
  cp "$(find "$root/usr/bin" "$root/bin/" -name busybox | head -n 1)" "$guest/usr/bin/busybox"
  "$guest/usr/bin/busybox" --list | while read -r name; do
    [ -e "$guest/usr/bin/$name" ] || ln -s busybox "$guest/usr/bin/$name"
  done
  cp "$root/usr/share/dbus-1/system.conf" "$guest/usr/share/dbus-1/"
  cp "$(find "$root/etc/dbus-1" "$root/usr/share/dbus-1" -name bluetooth.conf | head -n 1)" "$guest/usr/share/dbus-1/system.d/"
  cp tools/bluez_box/main.conf "$guest/etc/bluetooth/main.conf"
  cp tools/bluez_box/init tools/bluez_box/faults "$guest/"
  chmod +x "$guest/init"

  depmod -b "$root" "$kernel"
  for module in "${MODULES[@]}"; do
    modprobe -d "$root" -S "$kernel" --show-depends "$module" 2>/dev/null || true
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
    name=$(basename "$file")
    case $name in
      *.xz) xz -dc "$file" >"$guest/modules/${name%.xz}" ;;
      *.zst) zstd -qdc "$file" >"$guest/modules/${name%.zst}" ;;
      *) cp "$file" "$guest/modules/" ;;
    esac
    echo "${name%%.ko*}.ko" >>"$guest/modules/order"
  done

  (cd "$guest" && find . | "$guest/usr/bin/busybox" cpio -o -H newc -R 0:0 2>/dev/null) | gzip -6 >"$BOX/initramfs.gz"
  cp "$root/boot/vmlinuz-$kernel" "$BOX/vmlinuz"
}

libraries_of() { # program; asks the box's own loader, so that nothing of this machine gets in
  "$root/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu/systemd" \
    --list "$1" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p'
}

mkdir -p "$BOX"
rm -f "$BOX/.stamp"
for suite in ${BLUEZ_BOX_SUITE:-trixie "$VERSION_CODENAME"}; do
  say "fetching Linux and BlueZ of Debian $suite ..."
  if fetch "$suite"; then
    pack # not "pack || ...": whatever fails in it ends this, and leaves no stamp
    rm -rf "$root" "$guest" "$apt"
    echo "$stamp" >"$BOX/.stamp"
    exit 0
  fi
done
say "apt could not fetch the packages:"
tail -n 5 "$BOX/fetch.log" >&2
exit 1
