#!/bin/bash
# Bring the programs that the tests compare tsbak with:
#
#   rsync, time, unzip  from the system's own packages
#   ssh, sshd           from the system's own packages; no daemon is started
#   restic-0.14         the system's own restic, where it is that version (Debian 12)
#   restic              the newest restic there is, from a newer suite of the same mirror
#   rest-server, rclone servers of stores, and rclone also as a client, from there too
#   node-20 ... node-26 the versions of Node.js that the built command must run on
#   radosgw             Ceph's S3 server, with what it needs, from the system's packages
#   minio, rclone-s3    two more servers that speak S3, built from their sources (install-s3-servers.sh)
#
# Usage: scripts/install-peers.sh [--without-built | --built] [DIR]
#
# DIR is ./peers unless given; the names above appear in DIR/bin. The last two take minutes, the first time: `--without-built` leaves
# them out, `--built` brings only them.
#
# Only what is missing is fetched, so a second run takes no time. The system's own package sources are not changed.
# Where nothing may be installed (not root, or not Debian) this says what is missing and still succeeds: the tests that need
# it then skip, except in CI, where they fail.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
part=all
case "${1:-}" in
--without-built | --built)
  part=$1
  shift
  ;;
esac
peers=$(realpath -m "${1:-$root/peers}")
bin=$peers/bin
node_majors="20 22 24 26"
mkdir -p "$bin"

warn() { echo "install-peers: $*" >&2; }

may_install() { [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null; }

# The mirror of the system's main archive, as the system itself names it.
mirror() {
  {
    sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | tr ' ' '\n'
    sed -nE 's/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null
  } | grep -m1 -E '/debian/?$|/debian\.list$'
}

# Packages of servers start them when they are installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
forbid_daemons() {
  [ ! -e "$policy" ] || return 0
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
}

install_system_packages() {
  local program missing=()
  # `time` is also a keyword of the shell, so only a file counts.
  for program in rsync restic time unzip; do
    type -P "$program" >/dev/null || missing+=("$program")
  done
  type -P setfattr >/dev/null || missing+=(attr)
  type -P setfacl >/dev/null || missing+=(acl)
  type -P setcap >/dev/null || missing+=(libcap2-bin)
  type -P ssh >/dev/null || missing+=(openssh-client)
  [ -x /usr/sbin/sshd ] || missing+=(openssh-server)
  for program in radosgw ceph-mon ceph-osd; do
    type -P "$program" >/dev/null || missing+=("$program")
  done
  type -P ceph >/dev/null || missing+=(ceph-common)
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! may_install; then
    warn "MISSING: ${missing[*]} (run this as root on Debian, or install them yourself)"
    return 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  forbid_daemons
  apt-get -qq update >/dev/null || warn "cannot refresh the package lists, trying with the old ones"
  apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null ||
    warn "MISSING: ${missing[*]} (the package manager could not install them)"
}

link_old_restic() {
  local own
  own=$(type -P restic) || return 0
  case $("$own" version) in
  "restic 0.14."*) ln -sf "$own" "$bin/restic-0.14" ;;
  *) warn "MISSING: restic-0.14 ($own is another version)" ;;
  esac
}

# A package of a newer suite runs here as it is when it needs no newer libc, as programs written in Go do.
fetch_from_newer_suite() {
  local package=$1 program=$2 name=$3 work apt
  [ -x "$bin/$name" ] && return 0
  if ! may_install || [ -z "$(mirror)" ]; then
    warn "MISSING: $name (only fetched as root on Debian)"
    return 0
  fi
  work=$peers/apt
  mkdir -p "$work"/{debs,lists/partial,cache/archives/partial}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) sid main" >"$work/newer.list"
  apt=(-qq -o "Dir::Etc::sourcelist=$work/newer.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
  if [ ! -e "$work/updated" ]; then
    apt-get "${apt[@]}" update >/dev/null && touch "$work/updated"
  fi
  rm -f "$work/debs/$package"_*.deb
  if ! (cd "$work/debs" && apt-get "${apt[@]}" download "$package" >/dev/null); then
    warn "MISSING: $name (cannot fetch the package $package)"
    rm -f "$work/updated"
    return 0
  fi
  rm -rf "$peers/$package"
  dpkg -x "$work/debs/$package"_*.deb "$peers/$package"
  ln -sf "../$package/usr/bin/$program" "$bin/$name"
}

# Prints the major version of a node binary, nothing if it does not run.
node_major() { "$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null || true; }

fetch_node() {
  local major=$1 name=node-$1 own arch tarball
  [ -x "$bin/$name" ] && return 0
  for own in /usr/bin/node "$root/node_modules/node/bin/node"; do
    if [ -x "$own" ] && [ "$(node_major "$own")" = "$major" ]; then
      ln -sf "$own" "$bin/$name"
      return 0
    fi
  done
  case $(uname -sm) in
  "Linux x86_64") arch=linux-x64 ;;
  "Linux aarch64") arch=linux-arm64 ;;
  *)
    warn "MISSING: $name (no package for $(uname -sm))"
    return 0
    ;;
  esac
  mkdir -p "$peers/$name"
  if tarball=$(cd "$peers/$name" && npm pack --silent "node-$arch@$major" | tail -1) && [ -n "$tarball" ]; then
    tar -xzf "$peers/$name/$tarball" -C "$peers/$name" --strip-components=1 package/bin
    rm "$peers/$name/$tarball"
    ln -sf "../$name/bin/node" "$bin/$name"
  else
    warn "MISSING: $name (cannot fetch node-$arch@$major)"
  fi
}

# What the peers' own package lists cost is not needed once they are unpacked.
drop_lists() { rm -rf "$peers/apt"; }

if [ "$part" != --built ]; then
  install_system_packages
  [ -x "$bin/restic-0.14" ] || link_old_restic
  fetch_from_newer_suite restic restic restic
  fetch_from_newer_suite restic-rest-server restic-rest-server rest-server
  fetch_from_newer_suite rclone rclone rclone
  for major in $node_majors; do fetch_node "$major"; done
  drop_lists
fi
if [ "$part" != --without-built ]; then
  "$root/scripts/install-s3-servers.sh" "$bin" "$(may_install && mirror || true)"
fi
