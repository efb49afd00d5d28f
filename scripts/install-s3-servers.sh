#!/bin/bash
# Build two servers that speak S3 from their sources, for the tests: MinIO, and rclone with `serve s3`, which Debian leaves out.
#
# Usage: scripts/install-s3-servers.sh BIN [MIRROR]      they appear in BIN as minio and rclone-s3
#
# They are kept in the user's cache, so that they are built once for all working copies: about three minutes each on two
# processors, 3 GB on the way, 220 MB that stay. It takes Go 1.24 or newer: the system's, or else one from a newer suite of
# Debian's archive at MIRROR, which is thrown away afterwards. What cannot be built is said, and this still succeeds.
set -euo pipefail

bin=${1:?usage: install-s3-servers.sh BIN [MIRROR]}
mirror=${2:-}
kept=${XDG_CACHE_HOME:-$HOME/.cache}/tsbak-peers/bin

warn() { echo "install-s3-servers: $*" >&2; }

# Whether this is a Go that can build them. Its own version counts, not that of one which it would fetch.
is_recent() {
  local minor
  minor=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | sed -nE 's/^go1\.([0-9]+).*/\1/p')
  [ "${minor:-0}" -ge 24 ]
}

# Debian's packages of Go run where they are unpacked.
fetch_go() {
  local folder=$1 apt package
  [ -n "$mirror" ] || return 1
  mkdir -p "$folder"/{root,debs,lists/partial,cache/archives/partial}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$folder/newer.list"
  apt=(-qq -o "Dir::Etc::sourcelist=$folder/newer.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
  apt-get "${apt[@]}" update >/dev/null || return 1
  package=$(apt-cache "${apt[@]}" depends golang-go | sed -nE 's/^ *Depends: (golang-1\.[0-9]+)-go$/\1/p' | head -1)
  [ -n "$package" ] || return 1
  (cd "$folder/debs" && apt-get "${apt[@]}" download "$package-go" "$package-src" >/dev/null) || return 1
  for deb in "$folder"/debs/*.deb; do dpkg -x "$deb" "$folder/root"; done
  echo "$folder/root/usr/lib/go-${package#golang-}/bin/go"
}

find_go() {
  local own
  for own in "$(type -P go || true)" /usr/local/go/bin/go; do
    if [ -x "$own" ] && is_recent "$own"; then
      echo "$own"
      return 0
    fi
  done
  fetch_go "$1"
}

build() {
  local module=$1 name=$2 go
  if [ -z "${work:-}" ]; then
    work=$(mktemp -d)
    # The files in Go's cache of modules are read-only.
    trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
  fi
  if ! go=$(find_go "$work/go"); then
    warn "MISSING: $name (there is no Go of version 1.24 or newer)"
    return 0
  fi
  echo "install-s3-servers: building $name, once; this takes some minutes"
  if ! GOTOOLCHAIN=auto CGO_ENABLED=0 GOFLAGS=-modcacherw GOBIN="$work/bin" GOMODCACHE="$work/modules" \
    GOCACHE="$work/cache" nice "$go" install -trimpath -ldflags="-s -w" "$module@latest" >"$work/log" 2>&1; then
    tail -5 "$work/log" >&2
    warn "MISSING: $name (it could not be built)"
    return 0
  fi
  mkdir -p "$kept"
  # Under its name only when it is whole: another working copy may look for it.
  cp "$work/bin/$(basename "$module")" "$kept/.$name.$$"
  mv "$kept/.$name.$$" "$kept/$name"
}

[ -x "$kept/minio" ] || build github.com/minio/minio minio
[ -x "$kept/rclone-s3" ] || build github.com/rclone/rclone rclone-s3
mkdir -p "$bin"
for name in minio rclone-s3; do
  if [ -x "$kept/$name" ]; then ln -sf "$kept/$name" "$bin/$name"; fi
done
