#!/usr/bin/env bash
# The API's description passes a public linter. Exits 77 when npm cannot provide it.
set -euo pipefail
cd "$(dirname "$0")"
./install.sh
node openapi.mjs ../../docs/openapi.json
