#!/usr/bin/env bash
# Installs what others wrote and our tests check us with. Offline is fine once the packages of this very lock file
# are there. Exits 77 when npm cannot provide them.
set -euo pipefail
cd "$(dirname "$0")"
exec 9<package-lock.json
flock 9
stamp=node_modules/.package-lock.sha256
want=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
  npm ci --no-audit --no-fund --loglevel=error || { echo "npm cannot install the clients" >&2; exit 77; }
  echo "$want" >"$stamp"
fi
