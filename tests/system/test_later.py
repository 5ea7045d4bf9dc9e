"""What comes while nobody decides, and what is kept to the requester: reminders and escalations by the clock, and
values that no table, log, card or event may show. The real server, PostgreSQL and the workspace."""
import base64
import hashlib
import json
import os
import pathlib
import secrets
import subprocess
import time
import unittest

from process import Api, Client, Parts, http, wait_until
from receiver import Receiver

POLICY = """
version: 1
people:
  amy: { slack: U0AMY }
  ben: { slack: U0BEN }
  cat: { slack: U0CAT }
groups:
  security: { slack_usergroup: S0SEC }
rules:
  - name: patience
    when: { action: "slow.*" }
    require: { count: 2, of: security }
    remind: [2s, 3s]
    escalate: { after: 4s, to: { slack: "#prod-approvals" } }
  - name: secrets
    when: { action: "secret.*", any: [{ parameters.password: "sentinel-*" }, { parameters.env.TOKEN: "sentinel-*" }] }
    require: { count: 1, of: security }
    hide: [/parameters/password, "/parameters/env/*"]
  - name: not at once
    when: { action: "claim.*" }
    require: { count: 1, of: security }
    claim: { not_before: 8s }
"""


def digest_of(**members):
    """As a client works it out: the RFC 8785 form, which for these members is what `json` writes."""
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def commitment(salt, pointer, value):
    form = json.dumps(value, ensure_ascii=False).encode()
    return {"$commit": hashlib.sha256(salt + pointer.encode() + b"\0" + form).hexdigest()}


class LaterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Parts.of(cls, POLICY, {"COUNTERSIGN_WEBHOOKS_ALLOW_PRIVATE_NETWORKS": "true",
                               "COUNTERSIGN_LOG_LEVEL": "debug"}).prepare()
        cls.workspace = cls.parts.workspace
        cls.workspace.control("limits", {"limits": "off"})
        cls.workspace.control("groups", {"id": "S0SEC", "users": ["U0AMY", "U0BEN"]})
        token = cls.parts.make_token()
        cls.parts.start_server()
        cls.api = Api(cls.parts.url, token)

    def lines(self, request, channel):
        card = self.workspace.card(request["id"], channel)
        thread = self.workspace.control("messages", channel=channel.lstrip("#"), thread_ts=card["ts"])["messages"]
        return [json.dumps(message["blocks"]) for message in thread if message["ts"] != card["ts"]]

    def events(self, request):
        page = self.api.call("GET", f"/v1/events?after=-1&request={request['id']}",
                             headers={"Accept": "application/json"}).json
        return [event["type"].removeprefix("countersign.request.") for event in page["events"]]

    def test_run_waits_until_what_was_approved_may_be_used(self):
        begun = time.monotonic()
        run = Client(self.api).start("run", "--action", "claim.later", "--", "echo", "ran")
        request = run.line(r"filed .*\((req_\w+)\)").group(1)
        self.assertTrue(self.workspace.approve("amy", request)["acked"])
        run.line("can be claimed from .* Waiting")
        self.assertEqual(run.out, [])
        self.assertEqual((run.wait(), run.out), (0, ["ran"]), run.text())
        self.assertGreater(time.monotonic() - begun, 7)
        self.api.reaches(request, "succeeded")

    def test_people_are_called_by_mentions_and_then_others_are_told(self):
        request = self.api.open("slow.deploy")
        card = self.workspace.card(request["id"], "#prod-approvals")
        # On a busy machine several are one: reminders that were missed, and lines that wait for their thread.
        why = "Escalated to #prod-approvals: nobody decided within 4s"
        wait_until("all of it", lambda: why in "".join(self.lines(request, "#approvals")))
        said = "".join(self.lines(request, "#approvals"))
        self.assertIn("Reminder: this still needs 2 of security", said)
        for user in ("U0AMY", "U0BEN"):
            self.assertIn(f'"user_id": "{user}"', said)
        wait_until("why it came", lambda: why in "".join(self.lines(request, "#prod-approvals")))
        wait_until("the event", lambda: "escalated" in self.events(request))
        events = self.events(request)
        self.assertEqual(events[0], "created")
        self.assertEqual(set(events[1:]), {"reminded", "escalated"})
        self.assertEqual(events.count("escalated"), 1)
        self.assertLessEqual(events.count("reminded"), 2)
        self.assertEqual(self.api.show(request["id"])["version"], len(events))
        # The card there is like the others: a click on it counts, and it stays true.
        self.assertTrue(self.workspace.click_on("amy", card, "approve", "#prod-approvals")["acked"])
        self.assertTrue(self.workspace.approve("ben", request["id"])["acked"])
        self.api.reaches(request["id"], "approved")
        wait_until("both cards without buttons", lambda: not any(
            '"action_id": "approve"' in json.dumps(self.workspace.card(request["id"], channel)["blocks"])
            for channel in ("#approvals", "#prod-approvals")))

    def everything_written(self):
        """All that the programs have kept or said, by where."""
        database = self.parts.environment["COUNTERSIGN_DATABASE"]
        dump = subprocess.run(["pg_dump", "--inserts", "-d", database], capture_output=True, timeout=60)
        self.assertEqual(dump.returncode, 0, dump.stderr)
        places = {"the database": dump.stdout, "/metrics": http("GET", f"{self.parts.url}/metrics").body.encode()}
        for name in ("server", "sandbox", "postgres"):
            places[f"the log of the {name}"] = getattr(self.parts, name).text().encode()
        for path in pathlib.Path(self.folder.path).rglob("*"):
            if path.is_file() and os.access(path, os.R_OK):
                places[str(path)] = path.read_bytes()
        for channel in ("approvals", "prod-approvals"):
            messages = self.workspace.control("messages", channel=channel)["messages"]
            places[f"#{channel}"] = json.dumps([messages, *(
                self.workspace.control("messages", channel=channel, thread_ts=message["ts"]) for message in messages
            )]).encode()
        for user in ("U0AMY", "U0BEN"):
            places[f"what {user} sees"] = json.dumps([self.workspace.control("views", user=user),
                                                      self.workspace.ephemerals(user)]).encode()
        events = self.api.call("GET", "/v1/events?after=-1&limit=200", headers={"Accept": "application/json"})
        places["the events"] = events.body.encode()
        places["the list"] = self.api.call("GET", "/v1/requests").body.encode()
        return places

    def expect_nowhere(self, *words):
        forms = set()
        for word in words:
            for text in (word.encode(), json.dumps(word).encode()):
                forms |= {text, hashlib.sha256(text).hexdigest().encode(), hashlib.sha256(text).digest(),
                          base64.b64encode(text).rstrip(b"="), text.hex().encode()}
        places = self.everything_written()
        self.assertGreater(len(places), 20)
        for place, text in places.items():
            for form in forms:
                self.assertNotIn(form, text, f"{form} is in {place}")
        return places

    def test_a_hidden_value_is_nowhere(self):
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        sentinel = "sentinel-" + secrets.token_hex(12)
        body = {"action": "secret.rotate", "parameters": {"password": sentinel, "rows": 1},
                "sensitive": ["/parameters/password"], "callback": {"url": receiver.url}}
        key = {"Idempotency-Key": "hidden-1"}
        wrong = self.api.call("POST", "/v1/requests", {**body, "sensitive": ["/parameters/rows"]})
        self.assertEqual((wrong.status, wrong.json["code"], wrong.json["pointer"]),
                         (422, "sensitive_not_allowed", "/sensitive/0"))
        filed = self.api.call("POST", "/v1/requests", body, key)
        self.assertEqual(filed.status, 201, filed.body)
        request, salt = filed.json, base64.b64decode(filed.json["salt"])
        self.assertEqual(request["policy"]["rules"], ["secrets"], "rules are matched on the true value")
        again = self.api.call("POST", "/v1/requests", body, key)
        self.assertEqual((again.status, again.json["salt"]), (200, request["salt"]))
        guess = {**body, "parameters": {**body["parameters"], "password": sentinel + "x"}}
        self.assertEqual(self.api.call("POST", "/v1/requests", guess, key).status, 422)
        card = json.dumps(self.workspace.card(request["id"])["blocks"], ensure_ascii=False)
        self.assertRegex(card, r'"password ", "type": "text"}, {"style": {"code": true}, "text": "\u2022\u2022\u2022\u2022"')
        self.assertIn("1 value is hidden", card)
        self.workspace.click("amy", request["id"], "details")
        self.workspace.command("amy", f"show {request['number']}")
        self.assertTrue(self.workspace.approve("amy", request["id"])["acked"])
        self.api.reaches(request["id"], "approved")
        parameters = {"password": commitment(salt, "/parameters/password", sentinel), "rows": 1}
        digest = digest_of(action="secret.rotate", parameters=parameters)
        self.assertEqual(request["digest"], digest)
        claimed = self.api.call("POST", f"/v1/requests/{request['id']}/claim", {"digest": digest})
        self.assertEqual(claimed.status, 200, claimed.body)
        wait_until("the callbacks", lambda: {got.type for got in receiver.got} >= {"request.approved",
                                                                                   "request.claimed"})
        places = self.expect_nowhere(sentinel, filed.json["salt"], salt.hex())
        for place, text in places.items():
            self.assertNotIn(salt, text, f"the salt is in {place}")
        told = b"".join(got.body for got in receiver.got) + self.api.show(request["id"])["id"].encode()
        self.assertNotIn(sentinel.encode(), told)
        self.assertNotIn(filed.json["salt"].encode(), told)
        self.assertIn(parameters["password"]["$commit"].encode(), told)

    def test_run_keeps_a_variable_to_itself_and_claims_what_it_asked_for(self):
        sentinel = "sentinel-" + secrets.token_hex(12)
        run = Client(self.api).start("run", "--action", "secret.run", "--env", "TOKEN",
                                     "--sensitive", "/parameters/env/TOKEN", "--",
                                     "sh", "-c", "test -n \"$TOKEN\" && echo ran", environment={"TOKEN": sentinel})
        request_id = run.line(r"filed .*\((req_\w+)\)").group(1)
        self.assertIn("$commit", self.api.show(request_id)["parameters"]["env"]["TOKEN"])
        self.assertTrue(self.workspace.approve("ben", request_id)["acked"])
        self.assertEqual(run.wait(), 0, run.text())
        self.assertEqual(run.out, ["ran"])
        self.api.reaches(request_id, "succeeded")
        self.expect_nowhere(sentinel)


if __name__ == "__main__":
    unittest.main()
