#!/usr/bin/env bash
# The step of action.yml: asks with the job's OIDC token, waits, and runs what was approved.
set -euo pipefail

export COUNTERSIGN_ID_FILE=$RUNNER_TEMP/countersign-request
rm -f "$COUNTERSIGN_ID_FILE"
told() {
  code=$?
  [ -s "$COUNTERSIGN_ID_FILE" ] || exit "$code"
  request=$(cat "$COUNTERSIGN_ID_FILE")
  echo "request=$request" >>"$GITHUB_OUTPUT"
  echo "Countersign \`$request\`: exit code $code" >>"$GITHUB_STEP_SUMMARY"
}
trap told EXIT

link="Run $GITHUB_RUN_NUMBER=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID"
"$GITHUB_ACTION_PATH/../shell/countersign.sh" --action "$ASKED_ACTION" --resource "$ASKED_RESOURCE" \
  --environment "$ASKED_ENVIRONMENT" --intent "$ASKED_INTENT" --link "$link" \
  ${ASKED_FOR:+--on-behalf-of "$ASKED_FOR"} -- bash -euo pipefail -c "$ASKED_RUN"
