#!/bin/bash
# Builds the dashboard into dist/, from where the gateway's own build embeds it.
#
#   build.sh               builds it, and fails when it cannot
#   build.sh --if-changed  builds it when something is newer than the last build; where it cannot, says so and lets the gateway's plain
#                          page do, because an arena without a dashboard is better than none
set -euo pipefail
cd "$(dirname "$0")/.."

build() {
  if ! command -v npm >/dev/null; then
    echo "npm is missing: install Node.js 20.19 or newer (https://nodejs.org), which brings it" >&2
    return 1
  fi
  # What npm installed last names itself in there; it is as old as the lock file it was installed from, or newer.
  if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    npm ci --loglevel=error || return 1
    touch node_modules/.package-lock.json
  fi
  npm run --silent build
}

if [ "${1:-}" != --if-changed ]; then
  build
  exit
fi
sources=(index.html package.json package-lock.json public scripts src svelte.config.js vite.config.ts ../../../docs/openapi.json)
if [ -f dist/index.html ] && [ -z "$(find "${sources[@]}" -newer dist/index.html -type f ! -name generated.d.ts -print -quit)" ]; then
  exit 0
fi
build >&2 || echo "the dashboard was not built: the gateway serves its plain page" >&2
