#!/usr/bin/env bash
# Install the named Debian packages that are missing, with apt when root or sudo allows it;
# otherwise say in one sentence what to install, and fail.
set -u
missing=()
for package in "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
command -v apt-get >/dev/null 2>&1 || {
  echo "setup: this needs Debian's packages ${missing[*]}, and the machine has no apt." >&2
  exit 1
}

if [ "$(id -u)" = 0 ]; then
  as_root=()
elif sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  echo "setup: these Debian packages are missing and need root: run 'sudo apt-get install ${missing[*]}', then try again." >&2
  exit 1
fi
echo "setup: installing Debian packages: ${missing[*]}"
log=$(mktemp)
if "${as_root[@]}" apt-get update -qq >"$log" 2>&1 &&
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
  rm -f "$log"
else
  echo "setup: apt could not install ${missing[*]}:" >&2
  tail -n 5 "$log" >&2
  rm -f "$log"
  exit 1
fi
