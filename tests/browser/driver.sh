#!/usr/bin/env bash
# Installs what drives the browsers, unless it is there already; exits 77 where npm cannot provide it.
set -euo pipefail
cd "$(dirname "$0")"
# Offline is fine once the driver of this very lock file is there.
stamp=node_modules/.package-lock.sha256
want=$(sha256sum package-lock.json | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ] || exit 0
npm ci --no-audit --no-fund --loglevel=error || { echo "npm cannot install the driver" >&2; exit 77; }
echo "$want" >"$stamp"
