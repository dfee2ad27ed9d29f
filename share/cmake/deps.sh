#!/bin/sh
# deps.sh PACKAGE...: installs those Debian packages that are missing. As root or through sudo;
# otherwise prints the command and stops.
set -u
missing=
for package in "$@"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) || status=
  case $status in
    "install ok installed") ;;
    *) missing="$missing $package" ;;
  esac
done
if [ -z "$missing" ]; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "make deps: no apt-get here; install what these Debian packages hold:$missing" >&2
  exit 1
fi
install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
  as=
elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
  as=sudo
else
  echo "make deps: packages are missing; as root, run: apt-get update && $install" >&2
  exit 1
fi
echo "Installing:$missing"
# Environment variables through env: sudo does not pass ours on.
$as env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
  $as env DEBIAN_FRONTEND=noninteractive $install
