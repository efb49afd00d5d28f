#!/bin/bash
# Everything that must hold, on a fresh clone or in a working copy: install, check types, lint and format, build, run all
# tests. The last line of the output is `N passed, N failed`.
#
# These are the steps of `npm run check`, in an order that leaves no processor idle.
set -euo pipefail
cd "$(dirname "$0")/.."

results=$(mktemp -d)
finish() {
  local status=$?
  wait
  node scripts/count-tests.mjs "$results" "$status" || status=1
  rm -rf "$results"
  exit "$status"
}
trap finish EXIT

run_tests() { npm run "test:$1" -- --reporter=default --reporter=json --outputFile.json="$results/$1.json"; }

# This builds as well.
npm ci
bash scripts/install-peers.sh --without-built
# Only some of the system tests need these servers.
nice bash scripts/install-peers.sh --built &
servers=$!

npm run lint &
lint=$!
npm run types
npm run format
wait "$lint"

failed=0
run_tests unit || failed=1
wait "$servers"
run_tests system || failed=1
exit "$failed"
