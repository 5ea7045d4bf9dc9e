"""Subscriptions and callbacks of the real server, received by a real endpoint."""
import json
import subprocess
import time
import unittest

from process import Api, Parts, wait_until
from receiver import Receiver

ALLOW = {"COUNTERSIGN_WEBHOOKS_ALLOW_PRIVATE_NETWORKS": "true"}


class WebhooksTest(unittest.TestCase):
    environment = ALLOW

    def setUp(self):
        Parts.of(self, environment=self.environment)
        self.parts.start(owner=None)
        self.token = self.parts.make_token("--scope", "subscribe")
        self.api = Api(self.parts.url, self.token)
        self.receiver = Receiver()
        self.addCleanup(self.receiver.stop)

    def subscribe(self, **order):
        reply = self.api.call("POST", "/v1/subscriptions", {"url": self.receiver.url, **order})
        self.assertEqual(reply.status, 201, reply.body)
        self.assertTrue(reply.headers["Location"].endswith("/v1/subscriptions/" + reply.json["id"]))
        return reply.json

    def deliveries(self, subscription, **query):
        path = f"/v1/subscriptions/{subscription['id']}/deliveries"
        if query:
            path += "?" + "&".join(f"{k}={v}" for k, v in query.items())
        reply = self.api.call("GET", path)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["deliveries"]


class Delivering(WebhooksTest):
    def test_ADecisionArrivesSignedWithinASecond(self):
        subscription = self.subscribe(events=["request.approved", "request.created"])
        request = self.parts.api.open(intent="<b>Zebra's</b> \"export\"")
        self.parts.workspace.approve("amy", request["id"])
        one = self.receiver.gets("the decision", lambda g: g.type == "request.approved")
        self.assertTrue(one.verifies(subscription["secret"]))
        self.assertEqual(one.event["data"]["id"], request["id"])
        self.assertEqual(one.event["data"]["state"], "approved")
        self.assertEqual(one.event["data"]["votes"][0]["person"], "amy")
        self.assertEqual(one.event["id"], one.id)
        self.assertEqual(one.headers["Content-Type"], "application/cloudevents+json; charset=utf-8")
        self.assertLess(abs(int(one.headers["webhook-timestamp"]) - time.time()), 60)
        created = self.receiver.gets("the opening", lambda g: g.type == "request.created")
        self.assertEqual(created.event["data"]["state"], "pending")
        self.assertEqual([g for g in self.receiver.all() if g.type == "request.voted"], [])
        done = wait_until("both noted", lambda: [d for d in self.deliveries(subscription) if d["state"] == "delivered"][1:])
        self.assertEqual(done[0]["last_attempt"]["status"], 204)

    def test_ACallbackIsToldOfEveryChangeOfState(self):
        body = {"action": "deploy.api", "callback": {"url": self.receiver.url + "?run=7"}}
        filed = self.parts.api.call("POST", "/v1/requests", body, {"Idempotency-Key": "k"})
        self.assertEqual(filed.status, 201, filed.body)
        secret = filed.json["callback"]["secret"]
        again = self.parts.api.call("POST", "/v1/requests", body, {"Idempotency-Key": "k"})
        self.assertEqual((again.status, again.json["callback"]), (200, filed.json["callback"]))
        request = filed.json["id"]
        self.assertNotIn("callback", self.parts.api.show(request))
        self.parts.workspace.approve("amy", request)
        self.parts.api.reaches(request, "approved")
        self.parts.api.call("POST", f"/v1/requests/{request}/claim", {"digest": filed.json["digest"]})
        self.parts.api.call("POST", f"/v1/requests/{request}/outcome", {"status": "succeeded"})
        self.receiver.gets("the outcome", lambda g: g.type == "request.succeeded")
        wait_until("all three", lambda: len(self.receiver.all()) >= 3)
        self.assertEqual(sorted(g.type for g in self.receiver.all()),
                         ["request.approved", "request.claimed", "request.succeeded"])
        for one in self.receiver.all():
            self.assertTrue(one.verifies(secret))
            self.assertEqual(one.path, "/hook?run=7")
        listed = self.api.call("GET", f"/v1/subscriptions/{filed.json['callback']['id']}/deliveries")
        self.assertEqual(listed.status, 404, "another token's")

    def test_WhatFailsIsRetriedAndCanBeSentAgain(self):
        subscription = self.subscribe(events=["request.created"])
        self.receiver.answer(500, text=b"out of order")
        self.parts.api.open()
        self.receiver.gets("an attempt", lambda g: True)
        failed = wait_until("the failure noted", lambda: [d for d in self.deliveries(subscription) if d["attempts"]])
        self.assertEqual(failed[0]["state"], "pending")
        self.assertEqual(failed[0]["last_attempt"]["problem"], "answered 500")
        self.assertEqual(failed[0]["last_attempt"]["answer"], "out of order")
        self.receiver.answer(200)
        wait_until("the retry", lambda: self.deliveries(subscription, state="delivered"), 10)
        first, second = self.receiver.all()[:2]
        self.assertEqual(first.id, second.id)
        self.assertLess(second.at - first.at, 6)
        again = self.api.call("POST", f"/v1/subscriptions/{subscription['id']}/deliveries/{first.id}/redeliver")
        self.assertEqual(again.status, 202, again.body)
        wait_until("the third", lambda: len(self.receiver.all()) == 3)

    def test_ARestartLosesNothing(self):
        subscription = self.subscribe(events=["request.created"])
        self.receiver.answer(503)
        requests = [self.parts.api.open()["id"] for _ in range(5)]
        self.receiver.gets("an attempt", lambda g: True)
        self.parts.server.kill()
        self.receiver.answer(204)
        self.parts.start_server()
        for request in requests:
            self.receiver.gets(f"{request} after the restart", lambda g: g.event["data"]["id"] == request, 30)
        wait_until("all noted", lambda: len(self.deliveries(subscription, state="delivered")) == 5, 30)

    def test_GoneEndsTheSubscription(self):
        subscription = self.subscribe()
        self.receiver.answer(410)
        self.parts.api.open()
        wait_until("the end", lambda: self.api.call("GET", f"/v1/subscriptions/{subscription['id']}").json["state"] == "ended")
        self.parts.api.open()
        self.assertEqual(self.api.call("POST", f"/v1/subscriptions/{subscription['id']}/test").status, 409)


class Calls(WebhooksTest):
    def test_EveryCallNeedsItsScopeAndItsOwner(self):
        subscription = self.subscribe()
        stranger = Api(self.parts.url, self.parts.make_token("--scope", "subscribe"))
        base = f"/v1/subscriptions/{subscription['id']}"
        event = "evt_" + "0" * 26
        calls = [("GET", base), ("DELETE", base), ("GET", base + "/deliveries"), ("POST", base + "/test"),
                 ("POST", base + "/rotate"), ("GET", f"{base}/deliveries/{event}"),
                 ("POST", f"{base}/deliveries/{event}/redeliver")]
        for method, path in calls:
            self.assertEqual(Api(self.parts.url, None).call(method, path).status, 401, path)
            self.assertEqual(stranger.call(method, path).status, 404, path)
            refused = self.parts.api.call(method, path)
            self.assertEqual((refused.status, refused.json["code"]), (403, "scope_missing"), path)
            self.assertEqual(self.api.call(method, path.replace("sub_", "sub_x")).status, 404, path)
        self.assertEqual(self.parts.api.call("POST", "/v1/subscriptions", {"url": self.receiver.url}).status, 403)
        self.assertEqual(self.api.call("PUT", base).status, 405)
        self.assertEqual(stranger.call("GET", "/v1/subscriptions").json["subscriptions"], [])
        listed = self.api.call("GET", "/v1/subscriptions").json["subscriptions"]
        self.assertEqual([s["id"] for s in listed], [subscription["id"]])
        self.assertNotIn("secret", listed[0])
        self.assertEqual(self.api.call("DELETE", base).status, 204)
        self.assertEqual(self.api.call("GET", base).status, 404)
        came = len(self.receiver.all())  # that a token was made for the stranger, say
        self.parts.api.open()
        time.sleep(0.5)
        self.assertEqual(len(self.receiver.all()), came)

    def test_BadInputIsPointedAt(self):
        table = [({}, "/url"), ({"url": 7}, "/url"), ({"url": "hooks.example.com"}, "/url"),
                 ({"url": "https://u:p@hooks.example.com/"}, "/url"),
                 ({"url": "http://169.254.169.254/"}, "/url"), ({"url": "http://[fe80::1]/"}, "/url"),
                 ({"url": "ftp://hooks.example.com/"}, "/url"), ({"url": "https://2130706433/"}, "/url"),
                 ({"url": self.receiver.url, "events": ["request.aproved"]}, "/events/0"),
                 ({"url": self.receiver.url, "events": "request.approved"}, "/events"),
                 ({"url": self.receiver.url, "filter": {"action": 7}}, "/filter/action"),
                 ({"url": self.receiver.url, "filter": {"acton": "x"}}, "/filter/acton"),
                 ({"url": self.receiver.url, "secret": "mine"}, "/secret")]
        for body, pointer in table:
            reply = self.api.call("POST", "/v1/subscriptions", body)
            self.assertEqual((reply.status, reply.json.get("pointer")), (400, pointer), (body, reply.body))
        self.assertIn("request.approved", self.api.call("POST", "/v1/subscriptions", table[8][0]).json["detail"])
        subscription = self.subscribe()
        base = f"/v1/subscriptions/{subscription['id']}"
        for path in ("?state=lost", "?limit=0", "?limit=201", "?cursor=x", "?sort=up"):
            self.assertEqual(self.api.call("GET", base + "/deliveries" + path).status, 400, path)
        for body in ({"old_secret_for": "31d"}, {"old_secret_for": 5}, {"old": "1h"}):
            self.assertEqual(self.api.call("POST", base + "/rotate", body).status, 400, body)
        for callback in ({}, {"url": "ftp://x.example.com"}, {"url": "http://169.254.169.254/"}, "x", {"uri": "x"}):
            reply = self.parts.api.call("POST", "/v1/requests", {"action": "deploy.api", "callback": callback})
            self.assertEqual(reply.status, 400, (callback, reply.body))
            self.assertTrue(reply.json["pointer"].startswith("/callback"), reply.body)

    def test_ATestSaysWhatIsWrong(self):
        subscription = self.subscribe(events=["request.denied"])
        self.receiver.answer(401, text=b"who are you?")
        sent = self.api.call("POST", f"/v1/subscriptions/{subscription['id']}/test")
        self.assertEqual(sent.status, 202, sent.body)
        path = sent.headers["Location"].removeprefix(self.parts.url)
        parked = wait_until("the test's end", lambda: (lambda d: d if d["state"] == "parked" else None)(self.api.call("GET", path).json))
        self.assertEqual(parked["last_attempt"]["status"], 401)
        self.assertEqual(parked["last_attempt"]["answer"], "who are you?")
        self.assertEqual(self.receiver.all()[0].type, "subscription.test")

    def test_ARevokedTokensSubscriptionsEndWithIt(self):
        self.subscribe()
        row = next(t for t in json.loads(self.parts.verb("token", "list", "--json").out[0]) if t["hint"] == self.token[-4:])
        self.assertEqual(self.parts.verb("token", "revoke", row["id"]).code, 0)
        self.parts.api.open()
        time.sleep(0.5)
        self.assertEqual(self.receiver.all(), [])

    def test_SecretsAreInNoLogMetricOrRow(self):
        subscription = self.subscribe()
        filed = self.parts.api.call("POST", "/v1/requests", {"action": "deploy.api", "callback": {"url": self.receiver.url}})
        self.receiver.gets("an event", lambda g: True)
        metrics = self.api.call("GET", "/metrics").body
        self.assertIn("webhook_delivered", metrics)
        dump = subprocess.run(["pg_dump", "--data-only", self.parts.environment["COUNTERSIGN_DATABASE"]],
                              capture_output=True, text=True)
        self.assertEqual(dump.returncode, 0, dump.stderr)
        self.assertIn(subscription["url"], dump.stdout)
        for secret in (subscription["secret"], filed.json["callback"]["secret"]):
            for place in (self.parts.server.text(), metrics, dump.stdout):
                self.assertNotIn(secret.removeprefix("whsec_"), place)


class Guarded(WebhooksTest):
    environment = {}

    def test_TheHouseIsOutOfReachUnlessAnOperatorAllowsIt(self):
        for url in (self.receiver.url, self.receiver.url.replace("http:", "https:"), "http://hooks.example.com/",
                    "https://10.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/"):
            reply = self.api.call("POST", "/v1/subscriptions", {"url": url})
            self.assertEqual((reply.status, reply.json["code"]), (400, "bad_url"), reply.body)
        # A name that stands for this machine is found out when it is looked up.
        port = self.receiver.url.split(":")[2].split("/")[0]
        made = self.api.call("POST", "/v1/subscriptions", {"url": f"https://localhost:{port}/hook"})
        self.assertEqual(made.status, 201, made.body)
        self.api.call("POST", f"/v1/subscriptions/{made.json['id']}/test")
        parked = wait_until("the refusal", lambda: self.deliveries(made.json, state="parked"))
        self.assertIn("allow_private_networks", parked[0]["last_attempt"]["problem"])
        self.assertEqual(self.receiver.all(), [])


class Killed(WebhooksTest):
    def test_KillingTheServerLosesNoDeliveryAndInventsNone(self):
        subscription = self.subscribe()
        opened = []
        for cycle in range(4):
            until = time.monotonic() + 1.0 + 0.3 * cycle
            while time.monotonic() < until:
                reply = self.parts.api.call("POST", "/v1/requests", {
                    "action": "deploy.api", "callback": {"url": self.receiver.url + "?callback"}})
                self.assertEqual(reply.status, 201, reply.body)
                self.parts.api.call("POST", f"/v1/requests/{reply.json['id']}/cancel")
                opened.append(reply.json["id"])
            self.parts.server.kill()
            self.parts.start_server()
        self.assertGreater(len(opened), 20)
        wanted = set(self.parts.sql("SELECT id FROM event WHERE type LIKE 'request.%'").split())
        called = set(self.parts.sql("SELECT id FROM event WHERE type = 'request.cancelled'").split())
        self.assertEqual(len(called), len(opened))
        hook, callback = self.receiver.url.rsplit("/", 1)[1], "?callback"

        def arrived(to_callback):
            return {g.id for g in self.receiver.all() if g.path.endswith(callback) == to_callback}

        def ids(rows):
            import uuid
            alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
            def text(row):
                number = uuid.UUID(row).int
                digits = ""
                for _ in range(26):
                    digits = alphabet[number & 31] + digits
                    number >>= 5
                return "evt_" + digits
            return {text(row) for row in rows}

        wait_until("every event", lambda: ids(wanted) <= arrived(False), 90)
        wait_until("every callback", lambda: ids(called) <= arrived(True), 90)
        everything = self.parts.sql("SELECT id FROM event").split()  # each start is an event too
        self.assertEqual(arrived(False) - ids(everything), set(), f"invented, at {hook}")
        self.assertEqual(arrived(True) - ids(called), set())
        for one in self.receiver.all():
            if not one.path.endswith(callback):
                self.assertTrue(one.verifies(subscription["secret"]))


if __name__ == "__main__":
    unittest.main()
