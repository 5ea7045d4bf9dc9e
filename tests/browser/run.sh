#!/usr/bin/env bash
# Drives the workspace page in Chromium and Firefox: run.sh BINARY|URL [FOLDER-FOR-SCREENSHOTS]
# BINARY is sandbox_server (started here on a port the kernel chooses); URL is a workspace that runs already.
# Exits 0 when every installed browser did everything, 77 when there is none or npm cannot provide the driver.
set -euo pipefail
shots=${2:+$(realpath -m "$2")}
target=${1:?usage: run.sh BINARY|URL [FOLDER]}
case $target in http://*) ;; *) target=$(realpath "$target") ;; esac
cd "$(dirname "$0")"
log=$(mktemp)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT

./driver.sh

case $target in
  http://*) url=$target ;;
  *)
    "$target" 0 >"$log" &
    server=$!
    for _ in $(seq 100); do
      url=$(head -n 1 "$log")
      [ -n "$url" ] && break
      sleep 0.05
    done
    curl -fsS -H 'content-type: application/json' -d '{"limits":"off"}' "$url/control/limits" >/dev/null ;;
esac
ran=0
for browser in chromium firefox; do
  code=0
  node page.mjs "$url" "$browser" ${shots:+"$shots"} || code=$?
  [ "$code" = 77 ] && continue
  [ "$code" = 0 ] || exit "$code"
  ran=$((ran + 1))
done
[ "$ran" -gt 0 ] || exit 77
echo "$ran browsers passed"
