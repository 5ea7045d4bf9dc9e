#!/usr/bin/env bash
# Draws every card that the tests know on the workspace page and measures it: cards.sh BINARY [FOLDER-FOR-PICTURES]
# BINARY is sandbox_server. `cards.sh build/dev/tests/sandbox/sandbox_server docs/cards` makes the pictures of
# docs/cards.md anew. Exits 77 where there is no Chromium or npm cannot provide the driver.
set -euo pipefail
binary=$(realpath "${1:?usage: cards.sh BINARY [FOLDER]}")
pictures=${2:+$(realpath -m "$2")}
cd "$(dirname "$0")"
log=$(mktemp)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT
./driver.sh
"$binary" 0 >"$log" &
server=$!
url=
for _ in $(seq 100); do
  url=$(head -n 1 "$log")
  [ -n "$url" ] && break
  sleep 0.05
done
curl -fsS -H 'content-type: application/json' -d '{"limits":"off"}' "$url/control/limits" >/dev/null
node cards.mjs "$url" ${pictures:+"$pictures"}
