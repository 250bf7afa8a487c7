#!/usr/bin/env bash
# Make FOLDER the root of a Debian that has these packages (named with commas) and what they need, unless it is
# one already. Needs root.
#
#     tools/debian-root.sh trixie .tools/some/root git,make
set -eu
cd "$(dirname "$0")/.."
suite=$1 folder=$2 packages=$3
[ -e "$folder/.complete" ] && exit 0

tools/debian-packages.sh debootstrap
mirror=$(tools/debian-mirror.sh)
echo "setup: fetching Debian $suite ..." >&2
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
debootstrap --variant=minbase --include="$packages" "$suite" "$folder" "$mirror" >"$folder.log" 2>&1 || {
  tail -n 5 "$folder.log" >&2
  echo "setup: debootstrap could not make it." >&2
  exit 1
}
rm -f "$folder/var/cache/apt/archives/"*.deb
touch "$folder/.complete"
