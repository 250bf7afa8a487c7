#!/usr/bin/env bash
# Print the mirror that this machine's apt takes Debian's packages from; otherwise say what is missing, and fail.
set -eu
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI)|$(CODENAME)|$(COMPONENT)' 'Created-By: Packages' |
  grep "|${VERSION_CODENAME:-none}|main$" | head -n 1 | cut -d'|' -f1)
[ -n "$mirror" ] || { echo "setup: apt knows no mirror of Debian: run 'apt-get update' on a Debian machine, then try again." >&2; exit 1; }
echo "$mirror"
