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

./install.sh

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
node botbuilder.mjs "$url"
