"""Every call × everything that callers, attackers and broken proxies get wrong: the right status, a problem document,
nothing changed, and a server that goes on. The table is made from ROWS, and ROWS must name every route there is."""
import json
import re
import subprocess
import time
import unittest
import zlib

import openapi
from process import Api, Parts, TempFolder, wait_until
from raw import exchange, message, send_and_leave
from receiver import Receiver

BODY_BYTES_MAX = 320 * 1024
HEADER_BYTES_MAX = 16 * 1024
DIGEST = "sha256:" + "0" * 64
# Well formed, of nothing.
NOBODY = {"{id}": {"requests": "req_01JD0000000000000000000000", "subscriptions": "sub_01JD0000000000000000000000"},
          "{event}": "evt_01JD0000000000000000000000"}


class Row:
    """A call, how it is made right, and what of it can be wrong.

    `scope`: of the token; None: needs none. `body`: a right one; None: the call takes none.
    `wrong`: bodies of the wrong type, by the pointer that must be told. `lists`, `waits`: its query.
    `answers`: the status of a right one."""

    def __init__(self, method, path, scope=None, body=None, wrong=None, lists=False, waits=False, keyed=False,
                 may_be_absent=False, answers=200):
        self.method, self.path, self.scope, self.body, self.wrong = method, path, scope, body, wrong or {}
        self.lists, self.waits, self.keyed, self.may_be_absent = lists, waits, keyed, may_be_absent
        self.answers = answers

    @property
    def writes(self):
        return self.method != "GET"

    @property
    def kind(self):
        return self.path.split("/")[2] if self.path.startswith("/v1/") else ""


ROWS = [
    Row("POST", "/v1/requests", "request", keyed=True, body={"action": "deploy.api"}, wrong={
        "/action": {"action": 7}, "/parameters": {"action": "a", "parameters": [1]},
        "/labels/job": {"action": "a", "labels": {"job": 1}}, "/links/0/url": {"action": "a", "links": [{"title": "t"}]},
        "/on_behalf_of/1": {"action": "a", "on_behalf_of": ["riley", None]}, "/enviroment": {"action": "a", "enviroment": "x"},
        "/expires_in": {"action": "a", "expires_in": 30}, "/callback/url": {"action": "a", "callback": {"url": "file:///etc"}},
        "/parameters/a/0/$commit": {"action": "a", "parameters": {"a": [{"$commit": "x"}]}}}),
    Row("GET", "/v1/requests", "read", lists=True),
    Row("GET", "/v1/requests/{id}", "read", waits=True),
    Row("GET", "/v1/requests/{id}/decision", "read", answers=409),
    Row("GET", "/v1/requests/{id}/proof", "read", answers=409),
    Row("POST", "/v1/requests/{id}/votes", "vote", keyed=True, body={"verdict": "approve", "digest": DIGEST}, wrong={
        "/verdict": {"verdict": "maybe", "digest": DIGEST}, "/digest": {"verdict": "approve", "digest": "sha256:beef"},
        "/reason": {"verdict": "deny", "digest": DIGEST, "reason": 7}, "/person": {"verdict": "deny", "digest": DIGEST, "person": "amy"}}),
    Row("POST", "/v1/requests/{id}/vote-questions", "read", body={"verdict": "approve", "digest": DIGEST}, wrong={
        "/verdict": {"verdict": "maybe", "digest": DIGEST}, "/digest": {"verdict": "approve", "digest": "sha256:beef"},
        "/reason": {"verdict": "deny", "digest": DIGEST, "reason": 7}, "/person": {"verdict": "deny", "digest": DIGEST, "person": "amy"}}),
    Row("POST", "/v1/requests/{id}/cancel", "request", keyed=True, may_be_absent=True, body={"reason": "no need"},
        wrong={"/reason": {"reason": 7}, "/why": {"why": "x"}}),
    Row("POST", "/v1/requests/{id}/claim", "request", keyed=True, body={"digest": DIGEST}, wrong={
        "/digest": {"digest": "sha256:beef"}, "/force": {"digest": DIGEST, "force": True}}),
    Row("POST", "/v1/requests/{id}/outcome", "request", keyed=True, body={"status": "succeeded"}, wrong={
        "/status": {"status": "great"}, "/detail": {"status": "failed", "detail": ["x"]}, "/state": {"status": "failed", "state": 1}}),
    Row("GET", "/v1/events", "read", lists=True),
    Row("POST", "/v1/subscriptions", "subscribe", body={"url": "https://hooks.example.com/"}, wrong={
        "/url": {"url": ["https://x"]}, "/events/0": {"url": "https://hooks.example.com/", "events": ["request.aproved"]},
        "/filter/action": {"url": "https://hooks.example.com/", "filter": {"action": 7}},
        "/secret": {"url": "https://hooks.example.com/", "secret": "mine"}}),
    Row("GET", "/v1/subscriptions", "subscribe"),
    Row("GET", "/v1/subscriptions/{id}", "subscribe"),
    Row("DELETE", "/v1/subscriptions/{id}", "subscribe", may_be_absent=True, body={}, wrong={"/id": {"id": "x"}}),
    Row("POST", "/v1/subscriptions/{id}/test", "subscribe", may_be_absent=True, body={}, wrong={"/event": {"event": "x"}}),
    Row("POST", "/v1/subscriptions/{id}/rotate", "subscribe", may_be_absent=True, body={"old_secret_for": "1h"}, wrong={
        "/old_secret_for": {"old_secret_for": 5}, "/old": {"old": "1h"}}),
    Row("GET", "/v1/subscriptions/{id}/deliveries", "subscribe", lists=True),
    Row("GET", "/v1/subscriptions/{id}/deliveries/{event}", "subscribe"),
    Row("POST", "/v1/subscriptions/{id}/deliveries/{event}/redeliver", "subscribe", may_be_absent=True, body={},
        wrong={"/event": {"event": "x"}}),
    Row("GET", "/healthz"),
    Row("GET", "/readyz"),
    Row("GET", "/metrics"),
    Row("GET", "/.well-known/jwks.json"),
    Row("GET", "/.well-known/countersign-keys.json"),
    Row("GET", "/log/checkpoint"),
    Row("GET", "/openapi.json"),
]


class Sql:
    """One psql that stays."""

    def __init__(self, database):
        self.child = subprocess.Popen(["psql", "-X", "-At", "-q", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)

    def ask(self, statement):
        self.child.stdin.write(statement + ";\n\\echo --end\n")
        self.child.stdin.flush()
        lines = []
        while (line := self.child.stdout.readline().rstrip("\n")) != "--end":
            assert line or self.child.poll() is None, "psql has ended"
            lines.append(line)
        return lines

    def close(self):
        self.child.stdin.close()
        self.child.wait(10)
        self.child.stdout.close()


class Everything:
    """The content of every table, but for when a token was last used, and the row that servers write now and then."""

    def __init__(self, database):
        self.sql = Sql(database)
        tables = self.sql.ask("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")
        assert {"request", "request_state", "entry", "act", "event", "token", "subscription", "delivery"} <= set(tables), tables
        self.query = " UNION ALL ".join(
            f"SELECT '{table}', count(*), coalesce(md5(string_agg(r, '' ORDER BY r)), '') FROM "
            f"(SELECT (to_jsonb(t) - 'last_used_at')::text AS r FROM {table} t) x" for table in tables if table != "write_probe")

    def look(self):
        return self.sql.ask(self.query)

    def settles(self):
        """What is there once nothing has changed for a while."""
        def still():
            before = self.look()
            time.sleep(0.4)
            return before if self.look() == before else None
        return wait_until("the database at rest", still, 30)


class Case:
    def __init__(self, name, request, status, code=None, pointer=None, without_body=False):
        self.name, self.request, self.status, self.code, self.pointer = name, request, status, code, pointer
        self.without_body = without_body


def unknown_token():
    text = "csk_" + "A" * 30
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[number % 62] + digits
        number //= 62
    return text + digits


class Table:
    """The cases of one row."""

    def __init__(self, world, row):
        self.world, self.row = world, row
        self.host = world.url.removeprefix("http://")
        self.path = row.path.replace("{id}", world.ids.get(row.kind, "")).replace("{event}", world.event)
        self.token = world.tokens[row.scope] if row.scope else None

    def request(self, token="", target=None, method=None, body=None, type="application/json", fields=(), length=True,
                host=None, version="HTTP/1.1"):
        """As it should be, but for what is given. `token` None: without one."""
        token = self.token if token == "" else token
        if body is None and self.row.body is not None:
            body = self.row.body
        data = body if isinstance(body, bytes) else b"" if body is None else self.world.text(body)
        all_fields = [("Host", host or self.host)] if host != "none" else []
        if token:
            all_fields.append(("Authorization", f"Bearer {token}"))
        if self.row.path == "/v1/events":
            all_fields.append(("Accept", "application/json"))
        if data and type:
            all_fields.append(("Content-Type", type))
        all_fields += fields
        if length and (data or self.row.writes):
            all_fields.append(("Content-Length", str(len(data))))
        return message(method or self.row.method, target or self.path, all_fields, data, version)

    def cases(self):
        yield from self.framing()
        yield from self.targets()
        if self.row.scope:
            yield from self.callers()
            yield from self.queries()
        if self.row.body is not None:
            yield from self.bodies()
        if "{id}" in self.row.path:
            yield from self.ids()

    def framing(self):
        """What HTTP itself refuses, whatever is called."""
        chunked = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")]

        def chunks(text):
            return self.request(body=text, type=None, fields=chunked, length=False)
        yield Case("chunked nonsense", chunks(b"zz\r\n{}\r\n0\r\n\r\n"), 400, "bad_chunk")
        yield Case("a chunk of negative size", chunks(b"-1\r\n{}\r\n0\r\n\r\n"), 400, "bad_chunk")
        yield Case("a chunk larger than any", chunks(b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"), 400, "bad_chunk")
        yield Case("chunks without their ends", chunks(b"2\r\n{}0\r\n\r\n"), 400, "bad_chunk")
        large = b"%x\r\n" % (BODY_BYTES_MAX + 1) + b" " * (BODY_BYTES_MAX + 1) + b"\r\n0\r\n\r\n"
        yield Case("chunks that are too much", chunks(large), 413, "body_too_large")
        yield Case("chunked and long", chunks(b"2\r\n{}\r\n0\r\n\r\n").replace(
            b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n", 1), 400, "ambiguous_length")
        yield Case("an unknown coding", self.request(body=b"x", fields=[("Transfer-Encoding", "gzip")], length=False), 501,
                   "unknown_transfer_encoding")
        yield Case("two lengths", self.request(body=b"{}", fields=[("Content-Length", "2")]), 400, "ambiguous_length")
        yield Case("a length below nothing", self.request(body=b"{}", fields=[("Content-Length", "-2")], length=False), 400)
        yield Case("too large a body", self.request(body=b" " * (BODY_BYTES_MAX + 1)), 413, "body_too_large")
        yield Case("too large a header", self.request(fields=[("X-Filler", "x" * HEADER_BYTES_MAX)]), 431, "headers_too_large")
        yield Case("too many fields", self.request(fields=[("A", "b")] * 300), 431, "headers_too_large")
        yield Case("two hosts", self.request(fields=[("Host", "other.example.com")]), 400, "bad_host")
        yield Case("no host", self.request(host="none"), 400, "bad_host")
        yield Case("a host that is none", self.request(host="a b"), 400, "bad_host")
        yield Case("a folded field", self.request(fields=[("X-Folded", "a\r\n b")]), 400, "folded_field")
        yield Case("a bare line feed", self.request().replace(b"\r\n", b"\n"), 400, "bad_line_end")
        yield Case("a field without a colon", self.request().replace(b"Host:", b"Host", 1), 400, "bad_field_name")
        yield Case("white space before a colon", self.request(fields=[("X-Space ", "x")]), 400, "bad_field_name")
        yield Case("another version", self.request(version="HTTP/2.0"), 505, "bad_version")
        yield Case("no version", self.request(version="HTTP"), 400, "bad_request_line")
        yield Case("an expectation", self.request(fields=[("Expect", "200-ok")]), 417, "unknown_expectation")

    def targets(self):
        row = self.row
        routed = (401, "token_missing") if row.scope else (200, None)
        own = self.request(token=None, target=f"http://{self.host}{self.path}")
        yield Case("absolute-form of this very server", own, *routed)
        yield Case("absolute-form of another server", self.request(target=f"http://other.example.com{self.path}"), 400,
                   "authority_differs")
        yield Case("absolute-form of another scheme", self.request(target=f"ftp://{self.host}{self.path}"), 400, "bad_target")
        yield Case("a relative target", self.request(target=self.path[1:]), 400, "bad_target")
        yield Case("a target with a fragment", self.request(target=self.path + "#x"), 400, "bad_target")
        yield Case("a target beyond ASCII", self.request(target=self.path + "\xff"), 400, "bad_target")
        yield Case("a proxy's method", self.request(method="CONNECT", target=self.host), 400, "no_proxy")
        yield Case("a broken escape", self.request(target=self.path + "%zz"), 400, "bad_target")
        yield Case("a path with a NUL", self.request(target=self.path + "%00"), 404)
        yield Case("a path that goes up", self.request(target="/v1/.." + self.path), 404, "not_found")
        yield Case("a slash too many", self.request(target=self.path + "/"), 404, "not_found")
        methods = sorted(r.method for r in ROWS if r.path == row.path)
        for method in ("PUT", "PATCH", "TRACE", "get", "M-SEARCH"):
            yield Case(f"the method {method}", self.request(method=method), 405, "method_not_allowed")
        for method in {"GET", "POST", "DELETE"} - set(methods):
            yield Case(f"the method {method}", self.request(method=method), 405, "method_not_allowed")

    def callers(self):
        row, tokens = self.row, self.world.tokens

        def caller(name, token, status, code):
            return Case(name, self.request(token=token), status, code)
        yield caller("no token", None, 401, "token_missing")
        yield caller("a revoked token", tokens["revoked"], 401, "token_revoked")
        yield caller("an expired token", tokens["expired"], 401, "token_expired")
        yield caller("a token of nobody", unknown_token(), 401, "token_unknown")
        yield caller("half a token", self.token[:20], 401, "token_malformed")
        yield caller("a token with a slip", self.token[:-1] + ("0" if self.token[-1] != "0" else "1"), 401, "token_malformed")
        yield caller("an enormous token", "csk_" + "x" * 8_000, 401, "token_malformed")
        yield caller("the wrong scope", tokens["request" if row.scope == "subscribe" else "subscribe"], 403, "scope_missing")
        if row.writes and row.scope == "request":
            yield caller("a token that only reads", tokens["read"], 403, "scope_missing")
        yield Case("another scheme", self.request(token=None, fields=[("Authorization", "Basic Y3NrXzo=")]), 401, "token_missing")
        yield Case("two tokens", self.request(fields=[("Authorization", f"Bearer {self.token}")]), 401, "token_missing")
        if row.kind == "requests" and "{id}" in row.path and row.scope != "vote":
            yield caller("another owner's request", tokens["other asker"], 403, "not_yours")
        if row.kind == "subscriptions" and "{id}" in row.path:
            yield caller("another owner's subscription", tokens["other subscriber"], 404, "subscription_not_found")

    def queries(self):
        row = self.row
        fine = not row.writes

        def query(text, status=400, code=None):
            return Case(f"?{text}", self.request(target=f"{self.path}?{text}"), status, code)
        yield query("sort=up", code="unknown_query_parameter")
        yield query("wait%00=1", code="unknown_query_parameter")
        yield query("limit=%zz", code="bad_target")
        waits = "bad_wait" if row.waits else "unknown_query_parameter"
        for text in ("wait=-1", "wait=1e9", "wait=soon", "wait=", "wait=0x10", "wait=99999999999999999999x"):
            yield query(text, code=waits)
        if row.waits:
            # Longer than any wait: clamped, and over at once where the caller knows another version.
            for text in ("wait=9223372036854775807", "wait=9223372036854775808", "wait=99999999999999999999"):
                fields = [("If-None-Match", '"77"')]
                yield Case(f"?{text}", self.request(target=f"{self.path}?{text}", fields=fields), 200)
                yield Case(f"Prefer: {text}", self.request(fields=[*fields, ("Prefer", text)]), 200)
            yield query("wait=1&wait=2", code="repeated_query_parameter")
            for text in ("wait=-1", "wait=1e9", "wait", ";;", "wait=\""):
                yield Case(f"Prefer: {text}", self.request(fields=[("Prefer", text)]), 200)
            matching = [("If-None-Match", '"77", "x", W/"9999999999999", "'), ("Prefer", "wait=1000000000")]
            yield Case("tags that match nothing, and a long wait", self.request(fields=matching), 200)
            yield Case("a tag in the second field", self.request(fields=[("If-None-Match", '"77"'), ("If-None-Match", '"1"')]), 304)
        if row.lists:
            wrong = ["limit=0", "limit=-1", "limit=201", "limit=1e9", "limit=x"]
            wrong += ["state=lost"]
            if row.kind != "subscriptions":
                wrong += ["since=yesterday", "until=tomorrow", "until=", "voter=rilye", "voter=", "voter=teams:x", "voter=oidc:|",
                          "voter=slack:S0SEC", "voter=email:r%D1%96ley@example.com", "voter=me%00", "approver=teams:x",
                          "environment=prod%00", "resource=a%00b", "action=%00", "requester=x%00", "environment=%FF",
                          "resource=" + "r" * 513]
            wrong += ["cursor=x", "cursor=YmVmb3JlOi0x", "cursor=%00"] if row.path != "/v1/events" else [
                "after=x", "after=-2", "after=1e9", "after=999999", "type=request.aproved", "request=7"]
            for text in wrong:
                yield query(text, code="beyond_the_end" if text == "after=999999" else "bad_query")
            yield query("limit=1&limit=2", code="repeated_query_parameter")
        else:
            yield query("cursor=x", code="unknown_query_parameter")
        if row.path == "/v1/events":
            for text in ("x", "-2", "1e9"):
                yield Case(f"Last-Event-ID: {text}", self.request(fields=[("Last-Event-ID", text)]), 400, "bad_query")
            twice = [("Last-Event-ID", "0"), ("Last-Event-ID", "1")]
            yield Case("two Last-Event-IDs", self.request(fields=twice), 400, "bad_query")
        if fine:
            yield Case("a body that nobody reads", self.request(body=b'{"x":', type="text/plain"), row.answers)

    def bodies(self):
        def body(name, text, status=400, code=None, pointer=None, **more):
            return Case(name, self.request(body=text, **more), status, code, pointer)
        yield body("no JSON", b"action=a", code="json_syntax")
        yield body("half an object", b'{"action":', code="json_syntax")
        yield body("two values", b"{} {}", code="json_syntax")
        yield body("a name twice", b'{"a":1,"a":2}', code="json_duplicate_name")
        yield body("a lone surrogate", b'{"a":"\\ud800"}', code="json_unicode")
        yield body("not UTF-8", b'{"a":"\xff"}', code="json_unicode")
        yield body("a number beyond JSON's", b'{"a":9007199254740993}', code="json_number")
        yield body("no number at all", b'{"a":NaN}', code="json_syntax")
        yield body("a hundred levels", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", code="json_nesting")
        for text in (b"[]", b"null", b"7", b'"x"'):
            yield body(f"{text.decode()} for an object", text, code="wrong_type")
        if not self.row.may_be_absent:
            yield body("nothing", b"", 415, "unsupported_media_type")
            yield body("nothing of JSON", b"", 400, "json_syntax", fields=[("Content-Type", "application/json")])
        for pointer, wrong in self.row.wrong.items():
            yield body(f"{pointer} is wrong", wrong, pointer=pointer)
        for type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", ""):
            yield body(f"the type {type or 'of nothing'}", b"{}", 415, "unsupported_media_type", type=type)
        yield body("two types", b"{}", 415, "unsupported_media_type", fields=[("Content-Type", "text/plain")])
        if self.row.keyed:
            for name, keys in (("an empty key", [""]), ("a key with a space", ["a b"]), ("half a quoted key", ['"x']),
                               ("a long key", ["x" * 256]), ("a key beyond ASCII", ["\xe9"]), ("two keys", ["a", "b"])):
                yield Case(name, self.request(fields=[("Idempotency-Key", key) for key in keys]), 400, "bad_idempotency_key")

    def ids(self):
        row = self.row
        code = f"{row.kind[:-1]}_not_found"
        nobody = NOBODY["{id}"][row.kind]

        def put(hole, text, name, code):
            ids = {"{id}": self.world.ids[row.kind], "{event}": self.world.event, hole: text}
            path = row.path
            for each, value in ids.items():
                path = path.replace(each, value)
            return Case(f"{hole} is {name}", self.request(target=path), 404, code)
        yield put("{id}", nobody, "unknown", code)
        other = "sub" if row.kind == "requests" else "req"
        for name, text in (("nonsense", "x"), ("of another kind", other + nobody[3:]), ("too long", nobody + "0"),
                           ("enormous", "9" * 4_000), ("not UTF-8", "%ff%fe"), ("SQL", "'%20OR%201=1--"), ("below nothing", "-1"),
                           ("with a slash in it", nobody + "%2F.."), ("of wrong letters", nobody[:-1] + "U")):
            yield put("{id}", text, name, None if "slash" in name else code)
        if "{event}" in row.path:
            yield put("{event}", NOBODY["{event}"], "unknown", "delivery_not_found")
            yield put("{event}", "x", "nonsense", "delivery_not_found")

    def early_ends(self):
        """Parts of a right request, after which the caller is gone."""
        whole = self.request()
        head = whole.index(b"\r\n\r\n") + 4
        yield "in the request line", whole[:9]
        yield "in the header", whole[:head - 8]
        announced = self.request(body=b'{"action":"deploy.api"}', type="application/json")
        yield "in the body", announced[:-4]
        yield "in a chunk", self.request(body=b"17\r\n{\"action\":", type=None, length=False, fields=[
            ("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")])


class World:
    """A server with one request, one subscription, one delivery, and a token of every kind."""

    def __init__(self):
        self.folder = TempFolder()
        self.parts = Parts(self.folder.path)
        self.receiver = Receiver()
        self.everything = None
        try:
            self.fill()
        except BaseException:
            self.stop()
            raise

    def fill(self):
        parts = self.parts
        parts.environment["COUNTERSIGN_WEBHOOKS_ALLOW_PRIVATE_NETWORKS"] = "true"
        parts.start()
        self.url = parts.url
        make = parts.make_token
        self.tokens = {
            "request": make("--scope", "request,read"), "read": make("--scope", "read"), "subscribe": make("--scope", "subscribe"),
            "other asker": make("--scope", "request"), "other subscriber": make("--scope", "subscribe"),
            "expired": make("--scope", "request,read,subscribe", "--expires-in", "1s"),
            "revoked": make("--scope", "request,read,subscribe")}
        subscriber = Api(self.url, self.tokens["subscribe"])
        subscription = subscriber.call("POST", "/v1/subscriptions", {"url": self.receiver.url, "events": ["request.created"]})
        assert subscription.status == 201, subscription.body
        request = Api(self.url, self.tokens["request"]).open()
        parts.workspace.card(request["id"])
        arrived = self.receiver.gets("the delivery", lambda got: True)
        made = parts.verb("token", "create", "--name", "voter", "--scope", "vote", "--owner", "slack:T0SIM/U0AMY", "--json")
        voter = json.loads(made.out[0])
        parts.confirm_token("amy", voter["id"])
        self.tokens["vote"] = voter["token"]
        votes = Api(self.url, voter["token"])
        digest = {"verdict": "approve", "digest": DIGEST}
        wait_until("the token's vote being heard", lambda: votes.call(
            "POST", f"/v1/requests/{NOBODY['{id}']['requests']}/votes", digest).status == 404, 5)
        self.ids, self.event = {"requests": request["id"], "subscriptions": subscription.json["id"]}, arrived.id
        listed = json.loads(parts.verb("token", "list", "--json").out[0])
        row = next(t for t in listed if t["hint"] == self.tokens["revoked"][-4:])
        assert parts.verb("token", "revoke", row["id"]).code == 0
        for token in ("revoked", "expired"):
            ended = Api(self.url, self.tokens[token])
            wait_until(f"the {token} token's end", lambda: ended.call("GET", "/v1/requests").status == 401, 5)
        self.everything = Everything(parts.environment["COUNTERSIGN_DATABASE"])

    @staticmethod
    def text(body):
        return json.dumps(body).encode()

    def stop(self):
        if self.everything:
            self.everything.sql.close()
        self.parts.stop()
        self.receiver.stop()
        self.folder.remove()


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.stop)
        cls.document = openapi.Document.of_this_tree()
        cls.rest = cls.world.everything.settles()

    def test_EveryRouteHasItsRow(self):
        described = Api(self.world.url, None).call("GET", "/openapi.json").json
        # A hook answers whatever goes wrong with a decision, in 200, and a tile's path has parts of its own: their
        # tables are in test_hook and tests/http/evidence.cpp.
        calls = [(method.upper(), path) for path, item in described["paths"].items() for method in item
                 if method != "parameters" and not path.startswith(("/hooks/", "/log/tile/"))]
        self.assertEqual(sorted((row.method, row.path) for row in ROWS), sorted(calls))

    def goes_on(self):
        """Nothing is another than before, and the server is there for the next one."""
        before, now = type(self).rest, self.world.everything.look()
        type(self).rest = now
        self.assertEqual(now, before, "something changed")
        self.assertTrue(self.world.parts.server.running(), self.world.parts.server.text()[-2000:])
        alive = exchange(self.world.url, message("GET", "/healthz", [("Host", "x")]))
        self.assertEqual((alive.status, alive.json), (200, {"status": "ok"}))

    def meets(self, case):
        answer = exchange(self.world.url, case.request, without_body=case.without_body)
        method, target = case.request.split(b"\r\n")[0].decode("latin-1").split(" ")[:2]
        if target.startswith("/"):
            self.document.witness(method, target, None, answer.status, answer, answer.body.decode())
        self.assertEqual(answer.status, case.status, answer.body[:500])
        if case.status >= 400:
            self.is_problem(answer, case)
        self.assertNotIn(answer.field("Cache-Control"), (None, "public"), "an answer without a word on caching")

    def is_problem(self, answer, case):
        self.assertEqual(answer.field("Content-Type"), "application/problem+json")
        problem = answer.json
        self.assertEqual(set(problem) - {"pointer"}, {"type", "title", "status", "code", "detail"})
        self.assertEqual((problem["type"], problem["status"]), ("about:blank", case.status))
        for member in ("title", "code", "detail"):
            self.assertTrue(problem[member] and problem[member].isprintable(), problem)
        self.assertIsNone(re.search(r"csk_\w{8}|select |pqxx|boost|0x[0-9a-f]{6}|std::", problem["detail"], re.I), problem)
        if case.code:
            self.assertEqual(problem["code"], case.code, problem["detail"])
        if case.pointer:
            self.assertEqual(problem.get("pointer"), case.pointer, problem)
        if case.status == 401:
            self.assertTrue(answer.field("WWW-Authenticate").startswith("Bearer"))
        if case.status == 405:
            self.assertIsNotNone(answer.field("Allow"))

    def table_of(self, row):
        table = Table(self.world, row)
        for case in table.cases():
            with self.subTest(case.name):
                self.meets(case)
                self.goes_on()
        for name, part in table.early_ends():
            with self.subTest(f"gone {name}"):
                send_and_leave(self.world.url, part)
                self.goes_on()

    def test_AllowNamesTheMethodsOfThePath(self):
        for path in {row.path for row in ROWS}:
            row = next(r for r in ROWS if r.path == path)
            answer = exchange(self.world.url, Table(self.world, row).request(method="PUT"))
            allowed = {r.method for r in ROWS if r.path == path}
            if "GET" in allowed and path != "/v1/events":
                allowed.add("HEAD")
            self.assertEqual(set(answer.field("Allow").split(", ")), allowed, path)

    def test_HeadIsGetWithoutItsBody(self):
        for row in ROWS:
            if row.method != "GET" or row.path == "/v1/events":
                continue
            with self.subTest(row.path):
                table = Table(self.world, row)
                got = exchange(self.world.url, table.request())
                head = exchange(self.world.url, table.request(method="HEAD"), without_body=True)
                self.assertEqual((head.status, head.field("Content-Type")), (got.status, got.field("Content-Type")))
                if row.path != "/metrics":
                    self.assertEqual(head.field("Content-Length"), str(len(got.body)))
                self.goes_on()

    def test_NobodyIsShownWhatIsAnothers(self):
        for token, path in (("other asker", "/v1/requests"), ("other asker", "/v1/events"), ("other subscriber", "/v1/subscriptions")):
            with self.subTest(path):
                row = next(r for r in ROWS if (r.method, r.path) == ("GET", path))
                target = path + "?after=-1" if path == "/v1/events" else path
                answer = exchange(self.world.url, Table(self.world, row).request(token=self.world.tokens[token], target=target))
                self.assertEqual(answer.status, 200)
                for known in [*self.world.ids.values(), self.world.event]:
                    self.assertNotIn(known.encode(), answer.body)
                self.goes_on()


def add_a_test(row):
    words = re.findall(r"\w+", row.path.replace("v1/", ""))
    name = row.method.title() + "".join(word.title() for word in words)
    setattr(BadInput, f"test_{name}RefusesWhatIsWrong", lambda self: self.table_of(row))


for each in ROWS:
    add_a_test(each)


if __name__ == "__main__":
    unittest.main()
