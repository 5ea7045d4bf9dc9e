#!/usr/bin/env bash
# Runs official clients against the local workspace: run.sh BINARY|URL
# BINARY is sandbox_server (started here on a port the kernel chooses); URL is a workspace that runs already.
# Exits 0 when every client did everything, 77 when npm cannot provide the clients.
set -euo pipefail
target=${1:?usage: run.sh BINARY|URL}
case $target in http://*) ;; *) target=$(realpath "$target") ;; esac
cd "$(dirname "$0")"
log=$(mktemp)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT

# Offline is fine once the clients of this very lock file are there.
stamp=node_modules/.package-lock.sha256
want=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
  npm ci --no-audit --no-fund --loglevel=error || { echo "npm cannot install the clients" >&2; exit 77; }
  echo "$want" >"$stamp"
fi

case $target in
  http://*) url=$target ;;
  *)
    "$target" 0 >"$log" &
    server=$!
    for _ in $(seq 100); do
      url=$(head -n 1 "$log")
      [ -n "$url" ] && break
      sleep 0.05
    done ;;
esac
node bolt.mjs "$url"
