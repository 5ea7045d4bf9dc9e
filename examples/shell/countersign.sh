#!/bin/sh
# Runs a command once people have approved exactly it. POSIX sh, curl, awk, sed and a SHA-256 tool; nothing else.
#
#   countersign.sh --action A [--resource R] [--environment E] [--intent TEXT] [--link TITLE=URL]
#                  [--on-behalf-of PERSON]… -- COMMAND [ARGUMENT…]
#
# COUNTERSIGN_URL       the server
# COUNTERSIGN_TOKEN     a token of scope `request`, or an OIDC token of the CI system; inside GitHub Actions it may be
#                       absent: the job's own OIDC token is used (`permissions: id-token: write`)
# COUNTERSIGN_AUDIENCE  of that OIDC token; default: COUNTERSIGN_URL
# COUNTERSIGN_KEY       names this ask: who asks again with the same key goes on with the same request
# COUNTERSIGN_PATIENCE  seconds without an answer after which the server counts as unreachable; default: 600
# COUNTERSIGN_ID_FILE   where the request's id is written
#
# Exits with the command's own code; before it starts 10 denied, 11 refused by policy, 12 expired or lapsed,
# 13 cancelled, 14 claimed by somebody or something differs from what was approved, 20 unreachable, 2 all else.
set -u
export LC_ALL=C

say() { printf 'countersign: %s\n' "$*" >&2; }
fail() { code=$1; shift; say "$@"; exit "$code"; }

# A text as JSON has it, in its one form of RFC 8785.
quoted() {
  printf '%s\n' "$1" | awk '
    BEGIN {
      for (i = 1; i < 32; i++) as[sprintf("%c", i)] = sprintf("\\u%04x", i)
      as["\b"] = "\\b"; as["\t"] = "\\t"; as["\f"] = "\\f"; as["\r"] = "\\r"; as["\""] = "\\\""; as["\\"] = "\\\\"
    }
    {
      line = ""
      for (i = 1; i <= length($0); i++) { c = substr($0, i, 1); line = line ((c in as) ? as[c] : c) }
      text = text (NR > 1 ? "\\n" : "") line
    }
    END { printf "\"%s\"", text }'
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# call METHOD PATH SECONDS [HEADER…], with the body of $work/body for POST. Then $status and $answer; 000: no answer.
# The token goes by standard input: arguments are there for everybody to see.
call() {
  method=$1 url=$COUNTERSIGN_URL$2 seconds=$3
  shift 3
  : >"$work/answer"
  [ "$method" = GET ] || set -- "$@" 'Content-Type: application/json'
  {
    printf 'header = "Authorization: Bearer %s"\n' "$token"
    for field in "$@"; do printf 'header = "%s"\n' "$field"; done
    [ "$method" = GET ] || printf 'data-binary = "@%s"\n' "$work/body"
  } >"$work/call"
  curl -sS --config - --request "$method" --max-time "$seconds" --dump-header "$work/head" --output "$work/answer" \
    --write-out '%{http_code}' "$url" <"$work/call" >"$work/status" 2>"$work/trouble" &
  calling=$!
  if wait "$calling"; then status=$(cat "$work/status"); else status=000; fi # a signal ends the wait, not the call
  answer=$(cat "$work/answer")
}

# Whether the server has answered, with an answer that has this member: a proxy that answers with a page of its own, or
# with other JSON, has not. 4xx counts with a problem's code, or where it is meant whoever says it.
answered() {
  case $status in
    2??) case $answer in '{'*'"'"$1"'":"'*) return 0 ;; esac ;;
    400 | 411 | 41[3-7] | 431 | 3??) return 0 ;;
    429) ;;
    4??) case $answer in '{'*'"code":"'*) return 0 ;; esac ;;
  esac
  return 1
}

# insist MEMBER METHOD PATH SECONDS [HEADER…]: as call, again and again until there is an answer to go by. Only for calls
# that may be repeated.
insist() {
  wanted=$1 pause=1 since=$(date +%s)
  shift
  while :; do
    [ "$2" != /v1/requests ] || own_token
    call "$@"
    ! answered "$wanted" || return 0
    [ "$(($(date +%s) - since))" -lt "${COUNTERSIGN_PATIENCE:-600}" ] ||
      fail 20 "cannot reach $COUNTERSIGN_URL ($status) $(cat "$work/trouble")"
    [ "$pause" -gt 1 ] || say "no answer of Countersign's from $COUNTERSIGN_URL ($status); trying again"
    sleep "$pause"
    pause=$((pause < 4 ? pause * 2 : 5))
  done
}

# A text of the answer by its name, as it is written there. Names are sorted and quotes inside texts are escaped, so what
# parameters may hold under the same name comes before it: the last one is the answer's own.
member() {
  printf '%s\n' "$answer" | awk -v name="\"$1\":\"" '
    {
      while ((at = index($0, name)) > 0) { $0 = substr($0, at + length(name)); found = 1 }
      if (!found) exit
      for (end = 1; end <= length($0) && substr($0, end, 1) != "\""; end++) if (substr($0, end, 1) == "\\") end++
      print substr($0, 1, end - 1)
    }'
}

# Keeps a secret out of the log of a job of GitHub Actions.
mask() { [ -z "${GITHUB_ACTIONS:-}" ] || echo "::add-mask::$1"; }

# The token to ask with: a job of GitHub Actions has none yet, and asks for a new one each time.
own_token() {
  token=${COUNTERSIGN_TOKEN:-}
  [ -z "$token" ] || return 0
  [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ] ||
    fail 2 "set COUNTERSIGN_TOKEN; in GitHub Actions give the job 'permissions: id-token: write'"
  printf 'header = "Authorization: bearer %s"\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" >"$work/call"
  token=$(curl -sS --fail --config - --max-time 30 --get --data-urlencode "audience=${COUNTERSIGN_AUDIENCE:-$COUNTERSIGN_URL}" \
    "$ACTIONS_ID_TOKEN_REQUEST_URL" <"$work/call" | sed -n 's/.*"value" *: *"\([A-Za-z0-9._-]*\)".*/\1/p')
  [ -n "$token" ] || fail 2 "GitHub gave this job no OIDC token"
  mask "$token"
}

action='' resource='' environment='' intent='' links='' people=''
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 0 ;;
    --action | --resource | --environment | --intent | --link | --on-behalf-of)
      [ $# -gt 1 ] || fail 2 "$1 needs a value" ;;
    --) shift; break ;;
    *) fail 2 "unknown option $1; the command comes after --" ;;
  esac
  case $1 in
    --action) action=$2 ;;
    --resource) resource=$2 ;;
    --environment) environment=$2 ;;
    --intent) intent=$2 ;;
    --on-behalf-of) people=$people${people:+,}$(quoted "$2") ;;
    --link)
      case $2 in *=*) ;; *) fail 2 "--link takes TITLE=URL" ;; esac
      links=$links${links:+,}'{"title":'$(quoted "${2%%=*}")',"url":'$(quoted "${2#*=}")'}' ;;
  esac
  shift 2
done
[ -n "$action" ] || fail 2 "--action is missing"
[ $# -gt 0 ] || fail 2 "the command is missing; it comes after --"
COUNTERSIGN_URL=${COUNTERSIGN_URL:-http://127.0.0.1:8480}
COUNTERSIGN_URL=${COUNTERSIGN_URL%/}
command -v "$1" >/dev/null || fail 127 "$1: command not found"

work=$(mktemp -d) || fail 2 "no temporary folder"
trap 'rm -rf "$work"' EXIT
trap 'exit 13' INT TERM

argv=
for argument in "$@"; do argv=$argv${argv:+,}$(quoted "$argument"); done
parameters='{"argv":['$argv'],"cwd":'$(quoted "$PWD")'}'
# What is approved: these four members, in this order, are its RFC 8785 form.
asked='"action":'$(quoted "$action")
[ -z "$environment" ] || asked=$asked',"environment":'$(quoted "$environment")
asked=$asked',"parameters":'$parameters
[ -z "$resource" ] || asked=$asked',"resource":'$(quoted "$resource")
digest=sha256:$(printf '{%s}' "$asked" | sha256)
key=${COUNTERSIGN_KEY:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}

printf '{%s,"intent":%s,"links":[%s],"on_behalf_of":[%s]}' "$asked" "$(quoted "$intent")" "$links" "$people" >"$work/body"
insist digest POST /v1/requests 15 "Idempotency-Key: $key"
case $status in 200 | 201) ;; *) fail 2 "$(member detail) ($status)" ;; esac
id=$(sed -n 's/^[Ll]ocation:.*\/v1\/requests\/\(req_[0-9A-Z]*\).*/\1/p' "$work/head")
[ -n "$id" ] || fail 2 "the answer names no request"
say "filed $action ($id)"
[ -z "${COUNTERSIGN_ID_FILE:-}" ] || printf '%s\n' "$id" >"$COUNTERSIGN_ID_FILE"
# Who asked with an OIDC token goes on with a token for this request alone; its name is the first in order.
access=$(printf '%s\n' "$answer" | sed -n 's/^{"access_token":"\([^"]*\)".*/\1/p')
[ -z "$access" ] || { token=$access; mask "$token"; }

withdraw() {
  printf '{}' >"$work/body"
  call POST "/v1/requests/$id/cancel" 5 "Idempotency-Key: $key"
}
# shellcheck disable=SC2317 # the trap runs it
cancel() {
  trap '' INT TERM
  kill "$calling" 2>/dev/null
  withdraw
  fail 13 "interrupted; the request is cancelled ($status)"
}
trap cancel INT TERM

case $answer in
  *'"digest":"'"$digest"'"'*) ;;
  *)
    withdraw
    fail 14 "the server was asked for something else than this command" ;;
esac

# A long poll that a proxy cuts is no outage: whether the server is there is said by a plain look.
while [ "$(member state)" = pending ]; do
  call GET "/v1/requests/$id" 40 'Prefer: wait=25'
  answered state || { sleep 1; insist state GET "/v1/requests/$id" 15; }
  [ "$status" = 200 ] || fail 2 "$(member detail) ($status)"
done
case $(member state) in
  approved) ;;
  denied) fail 10 "denied: $(member reason)" ;;
  refused) fail 11 "refused by policy: $(member reason)" ;;
  expired | lapsed) fail 12 "nobody decided, or used the approval, in time" ;;
  cancelled) fail 13 "cancelled" ;;
  claimed | succeeded | failed) fail 14 "this approval was used already" ;;
  *) fail 2 "the server says something else than a state" ;;
esac

# The digest is of what runs below: whatever else was approved, this is refused.
printf '{"digest":"%s"}' "$digest" >"$work/body"
insist grant POST "/v1/requests/$id/claim" 15 "Idempotency-Key: $key"
case $status in
  200) ;;
  409) fail 14 "$(member detail)" ;;
  410) fail 12 "$(member detail)" ;;
  *) fail 2 "$(member detail) ($status)" ;;
esac

unset COUNTERSIGN_TOKEN # no command needs it
trap ':' INT TERM # the command's own affair; what came of it is still told
"$@"
code=$?
outcome=failed
[ "$code" -ne 0 ] || outcome=succeeded
printf '{"detail":"exit code %s","status":"%s"}' "$code" "$outcome" >"$work/body"
call POST "/v1/requests/$id/outcome" 15 "Idempotency-Key: $key"
[ "$status" = 200 ] || say "the outcome could not be told ($status)"
exit "$code"
