#!/usr/bin/env python3
"""Runs a command once people have approved exactly it. Python 3.8 and its standard library; nothing else.

    countersign.py --action A [--resource R] [--environment E] [--intent TEXT] [--on-behalf-of PERSON]… -- COMMAND [ARGUMENT…]

Or from a program, which then acts itself:

    from countersign import Approvals, NotApproved
    with Approvals(url, token).approved("db.export", environment="production", parameters={"rows": 120000}) as grant:
        export()    # an exception is reported as failed, everything else as succeeded

Reads COUNTERSIGN_URL, COUNTERSIGN_TOKEN, COUNTERSIGN_KEY (names this ask: who asks again with it goes on with the same
request) and COUNTERSIGN_PATIENCE (seconds without an answer after which the server counts as unreachable; 600).
Exits with the command's own code; before it starts 10 denied, 11 refused by policy, 12 expired or lapsed, 13 cancelled,
14 claimed by somebody or something differs from what was approved, 20 unreachable, 2 all else.
"""
import argparse
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

ENDS = {"denied": 10, "refused": 11, "expired": 12, "lapsed": 12, "cancelled": 13, "claimed": 14, "succeeded": 14, "failed": 14}


class NotApproved(Exception):
    """Nothing may run; `code` is the exit code that says why."""

    def __init__(self, code, why):
        super().__init__(why)
        self.code = code


def canonical(value):
    """RFC 8785 of texts, whole numbers, booleans, null, lists and objects; other numbers are refused, not guessed."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > 2**53 - 1):
        raise ValueError(f"{value!r}: send it as a text")
    return json.dumps(value, ensure_ascii=False)


def digest_of(asked):
    return "sha256:" + hashlib.sha256(canonical(asked).encode()).hexdigest()


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to who knows whom."""

    def redirect_request(self, *_):
        return None


class Approvals:
    def __init__(self, url, token, patience=600.0):
        self.url, self.token, self.patience = url.rstrip("/"), token, patience
        self.opener = urllib.request.build_opener(NoRedirects)

    def attempt(self, method, path, body=None, key=None, seconds=15.0, headers=None, member="id"):
        """One attempt: the answer, or a text that says why there is none. An answer has the member that it is asked
        for: a proxy that answers with a page of its own, or with other JSON, has not answered for the server."""
        fields = {"Authorization": f"Bearer {self.token}", "Accept": "application/json", **(headers or {})}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            fields.update({"Content-Type": "application/json", "Idempotency-Key": key})
        request = urllib.request.Request(self.url + path, data, fields, method=method)
        try:
            with self.opener.open(request, timeout=seconds) as answer:
                given = json.load(answer)
            if isinstance(given, dict) and isinstance(given.get(member), str):
                return given, None
            return None, "what answers is not Countersign"
        except urllib.error.HTTPError as refusal:
            detail, ours = self.problem(refusal)
            trouble = f"{detail} ({refusal.code})"
            if ours and refusal.code != 429 and refusal.code < 500:
                raise NotApproved({409: 14, 410: 12}.get(refusal.code, 2), trouble) from None
            return None, trouble
        except (OSError, http.client.HTTPException, ValueError) as problem:
            return None, str(problem)

    def call(self, method, path, body=None, key=None, seconds=15.0, headers=None, member="id"):
        """The answer, after as many attempts as it takes: every call here may be repeated."""
        since, pause = time.monotonic(), 0.5
        while True:
            answer, trouble = self.attempt(method, path, body, key, seconds, headers, member)
            if answer is not None:
                return answer
            if time.monotonic() - since >= self.patience:
                raise NotApproved(20, f"cannot reach {self.url}: {trouble}")
            if pause == 0.5:
                print(f"countersign: {trouble}; trying again", file=sys.stderr, flush=True)
            time.sleep(pause)
            pause = min(pause * 2, 5.0)

    def decided(self, path):
        """The request once it is not pending. A long poll that a proxy cuts is no outage: whether the server is there is
        said by a plain look."""
        while True:
            request, trouble = self.attempt("GET", path, seconds=40.0, headers={"Prefer": "wait=25"}, member="state")
            if trouble:
                time.sleep(1)
                request = self.call("GET", path, member="state")
            if request["state"] != "pending":
                return request

    @staticmethod
    def problem(refusal):
        """What a refusal says, and whether it is the server's: RFC 9457 with a code, or one meant whoever says it."""
        try:
            said = json.load(refusal)
            return said["detail"], bool(said["code"])
        except (OSError, ValueError, KeyError, TypeError):
            return refusal.reason, refusal.code in (400, 411, 413, 414, 415, 416, 417, 431)

    @contextlib.contextmanager
    def approved(self, action, *, resource=None, environment=None, parameters=None, intent="", key=None, **more):
        """Asks, waits, claims; then its body acts, and what came of that is reported. NotApproved: nothing may run."""
        key = key or str(uuid.uuid4())
        asked = {"action": action, "resource": resource, "environment": environment, "parameters": parameters}
        asked = {name: value for name, value in asked.items() if value is not None}
        digest = digest_of(asked)
        request = self.call("POST", "/v1/requests", {**asked, "intent": intent, **more}, key)
        path = f"/v1/requests/{request['id']}"
        print(f"countersign: filed {action} ({request['id']})", file=sys.stderr, flush=True)
        # Who asked with an OIDC token goes on with a token for this request alone.
        self.token = request.get("access_token", self.token)
        try:
            if request["digest"] != digest:
                raise NotApproved(14, "the server was asked for something else than this")
            if request["state"] == "pending":
                request = self.decided(path)
        except BaseException:
            with contextlib.suppress(NotApproved):
                self.patience = min(self.patience, 5.0)
                self.call("POST", path + "/cancel", {}, key, 5.0)
            raise
        if request["state"] != "approved":
            raise NotApproved(ENDS.get(request["state"], 2), f"{request['state']}: {request['reason']}")
        # The digest is of what runs below: whatever else was approved, this is refused.
        grant = self.call("POST", path + "/claim", {"digest": digest}, key, member="grant")["grant"]
        outcome = {"status": "failed", "detail": "it raised an exception"}
        try:
            yield grant
            outcome = {"status": "succeeded"}
        except CommandFailed as failure:
            outcome["detail"] = str(failure)
            raise
        finally:
            try:
                self.call("POST", path + "/outcome", outcome, key)
            except NotApproved as trouble:
                print(f"countersign: the outcome could not be told: {trouble}", file=sys.stderr)


class CommandFailed(Exception):
    def __init__(self, code):
        super().__init__(f"exit code {code}")
        self.code = code


def run(arguments):
    if shutil.which(arguments.command[0]) is None:
        raise NotApproved(127, f"{arguments.command[0]}: command not found")
    if not os.environ.get("COUNTERSIGN_TOKEN"):
        raise NotApproved(2, "set COUNTERSIGN_TOKEN")
    approvals = Approvals(os.environ.get("COUNTERSIGN_URL", "http://127.0.0.1:8480"), os.environ["COUNTERSIGN_TOKEN"],
                          float(os.environ.get("COUNTERSIGN_PATIENCE", "600")))
    parameters = {"argv": arguments.command, "cwd": os.getcwd()}
    more = {"on_behalf_of": arguments.on_behalf_of} if arguments.on_behalf_of else {}
    with approvals.approved(arguments.action, resource=arguments.resource, environment=arguments.environment,
                            parameters=parameters, intent=arguments.intent, key=os.environ.get("COUNTERSIGN_KEY"), **more):
        environment = {name: value for name, value in os.environ.items() if name != "COUNTERSIGN_TOKEN"}
        child = subprocess.Popen(arguments.command, env=environment)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: child.send_signal(number))
        code = child.wait()
        if code != 0:
            raise CommandFailed(code if code > 0 else 128 - code)


def main():
    parser = argparse.ArgumentParser(description="Runs a command once people have approved exactly it.")
    for name in ("action", "resource", "environment", "intent"):
        parser.add_argument(f"--{name}", required=name == "action", default="" if name == "intent" else None)
    parser.add_argument("--on-behalf-of", action="append", metavar="PERSON", help="a person this is for; may be repeated")
    parser.add_argument("command", nargs="+", metavar="-- COMMAND")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run(parser.parse_args())
        return 0
    except CommandFailed as failure:
        return failure.code
    except NotApproved as refusal:
        print(f"countersign: {refusal}", file=sys.stderr)
        return refusal.code
    except KeyboardInterrupt:
        print("countersign: interrupted; the request is cancelled", file=sys.stderr)
        return 13


if __name__ == "__main__":
    sys.exit(main())
