#!/bin/bash
# Everything that must hold, on a fresh clone or in a working copy: install, check types, lint and format, build, run all
# tests. The last line of the output is `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."

results=$(mktemp)
finish() {
  local status=$?
  node scripts/count-tests.mjs "$results" "$status" || status=1
  rm -f "$results"
  exit "$status"
}
trap finish EXIT

npm ci
bash scripts/install-peers.sh
# The arguments go on to vitest, which stands last in `check`.
npm run check -- -- --reporter=default --reporter=json --outputFile.json="$results"
