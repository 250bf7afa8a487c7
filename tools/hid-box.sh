#!/usr/bin/env bash
# Run a command in a Linux that has USB devices made of software: the kernel and udev of this machine's Debian in
# QEMU, with this machine's files, read-only, and a keyboard. tests/hidraw meets hidraw and the rules in it.
#
#     tools/hid-box.sh .venv/bin/python -m pytest tests/hidraw
#
# They are fetched by apt into .tools/hid-box, anew when this script or tools/hid_box changed; the machine gets
# QEMU, kmod and xz.
set -eu
cd "$(dirname "$0")/.."

say() { echo "hid-box: $*" >&2; }
give_up() { say "$*"; exit 1; }

BOX=$PWD/.tools/hid-box
WITHIN_S=300
# On the way to this machine's files; then HID devices, keyboards among them; then devices made of software.
MODULES=(virtio_pci 9pnet_virtio 9p hid-generic usbhid xhci-pci dummy_hcd usb_f_hid)

[ "$(uname -m)" = x86_64 ] || give_up "the box is built on and for amd64 only; this machine is $(uname -m)."
tools/debian-packages.sh qemu-system-x86 seabios kmod xz-utils

build() {
  root=$BOX/root guest=$BOX/guest
  rm -rf "$BOX"
  mkdir -p "$root" "$guest"/{bin,dev,proc,sys,host,modules}
  # The names of kernels end in their version; the nameless one depends on the newest.
  image=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
  [ -n "$image" ] || give_up "apt knows no kernel: run 'apt-get update' on a Debian machine, then try again."
  say "fetching $image ..."
  (cd "$BOX" && apt-get download -q "$image" busybox-static udev >fetch.log 2>&1) ||
    give_up "apt could not fetch it: $(tail -n 1 "$BOX/fetch.log")"
  for package in "$BOX"/*.deb; do dpkg-deb -x "$package" "$root"; done
  kernel=$(basename "$root"/boot/vmlinuz-*) && kernel=${kernel#vmlinuz-}

  cp "$(find "$root" -path '*bin/busybox' | head -n 1)" "$guest/bin/"
  cp tools/hid_box/init "$guest/"
  depmod -b "$root" "$kernel"
  for module in "${MODULES[@]}"; do
    modprobe -d "$root" -S "$kernel" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
    name=$(basename "$file" .xz)
    case $file in
      *.xz) xz -dc "$file" >"$guest/modules/$name" ;;
      *) cp "$file" "$guest/modules/" ;;
    esac
    echo "$name" >>"$guest/modules/order"
  done
  (cd "$guest" && find . | bin/busybox cpio -o -H newc -R 0:0 2>/dev/null) | gzip -6 >"$BOX/initramfs.gz"
  cp "$root/boot/vmlinuz-$kernel" "$BOX/vmlinuz"
  mkdir "$BOX/udev"
  cp -L "$(find "$root" -path '*bin/udevadm')" "$BOX/udev/"
  ln -s udevadm "$BOX/udev/systemd-udevd" # one program; it is what it is called
  cp -r "$(find "$root" -path '*/lib/udev/rules.d')" "$BOX/udev/"
  rm -rf "$root" "$guest" "$BOX"/*.deb
}

stamp=$(cat "$0" tools/hid_box/init | sha256sum | cut -d' ' -f1)
if [ "$(cat "$BOX/.stamp" 2>/dev/null)" != "$stamp" ]; then
  build
  echo "$stamp" >"$BOX/.stamp"
fi

# Emulated, wherever we are: /dev/kvm may exist and not work. A busy machine runs the box too seldom for the
# kernel to find its timer well, so it is not to look (no_timer_check).
timeout "$WITHIN_S" setpriv --pdeathsig KILL qemu-system-x86_64 \
  -accel tcg,thread=multi,tb-size=512 -cpu Nehalem-v1 -smp 2 -m 768 \
  -nodefaults -no-user-config -no-reboot -display none -serial stdio \
  -kernel "$BOX/vmlinuz" -initrd "$BOX/initramfs.gz" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check box.where=$PWD -- $*" \
  -device qemu-xhci -device usb-kbd \
  -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
  -device virtio-9p-pci,fsdev=host,mount_tag=host </dev/null 2>"$BOX/qemu.log" |
  awk '{ sub(/\r$/, "") } /^box: done / { ended = 1; status = $3; next } !ended { print; fflush() }
       END { if (!ended) print "hid-box: it did not come to its end"; exit ended ? status : 1 }'
