"""Approving less than was asked for, and approving beforehand what fits: a voter lowers a number in a dialog and the
waiter gets exactly that; a session covers so many calls that nobody has seen. The real server, PostgreSQL, the
workspace and the client."""
import json
import subprocess
import sys
import unittest

from process import ROOT, USERS, Api, Client, Parts, binary, wait_until

POLICY = """
version: 1
people:
  amy: { slack: U0AMY }
  ben: { slack: U0BEN }
groups:
  security: { people: [amy, ben] }
rules:
  - name: exports
    when: { action: ["db.export", "mcp.files.write"], parameters.rows: { gt: 100 } }
    require: { count: 1, of: security }
    lower: [parameters.rows]
  - name: big exports
    when: { action: db.export, parameters.rows: { gt: 10000 } }
    require: { count: 2, of: security }
    lower: [parameters.rows]
  - name: small exports
    when: { action: db.export, parameters.rows: { lte: 100, gt: 10 } }
    allow: true
  - name: queries
    when: { action: db.query }
    require: { count: 1, of: security }
    session: { from: parameters.minutes, max: 1h, uses: 2 }
  - name: not that
    when: { action: db.query, parameters.statement: "drop *" }
    refuse: nothing is dropped
  - { name: tools, when: { action: "mcp.*", parameters.rows: { exists: false } }, allow: true }
"""
SERVER = str(ROOT / "tests" / "support" / "mcp_server.py")


class LoweringTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Parts.of(cls, POLICY).prepare()
        cls.workspace = cls.parts.workspace
        cls.workspace.control("limits", {"limits": "off"})
        token = cls.parts.make_token()
        cls.parts.start_server()
        cls.api = Api(cls.parts.url, token)

    def lower(self, who, request_id, *numbers, reason=""):
        """The click opens a dialog with a field for each number."""
        clicked = self.workspace.click(who, request_id, "lower")
        self.assertTrue(clicked.get("acked"), clicked)
        user = USERS[who]
        wait_until("the dialog", lambda: self.workspace.control("views", user=user)["views"], 5)
        values = {f"number{i}": {"text": str(number)} for i, number in enumerate(numbers)}
        if reason:
            values["reason"] = {"text": reason}
        return self.workspace.control("submit_view", {"user": user, "values": values})

    def events(self, request_id):
        page = self.api.call("GET", f"/v1/events?after=-1&request={request_id}",
                             headers={"Accept": "application/json"}).json
        return [event["type"].removeprefix("countersign.request.") for event in page["events"]]

    # ---- less than was asked for

    def test_what_is_no_number_or_would_be_rounded_lowers_nothing(self):
        request = self.api.open("db.export", parameters={"rows": 5000, "to": "s3://y"})
        for typed in ("nan", "inf", "-5", "1e2", "0x10", "499.99999999999999999999", "9007199254740993.0", "1,000"):
            with self.subTest(typed):
                told = self.workspace.command("amy", f"lower {request['number']} rows={typed}")
                self.assertIn("no number", json.dumps(told))
        self.assertEqual(self.api.show(request["id"])["state"], "pending")

    def test_a_voter_lowers_a_number_and_the_new_request_takes_the_old_ones_place(self):
        old = self.api.open("db.export", parameters={"rows": 5000, "to": "s3://x"}, resource="orders",
                            labels={"job": "nightly"}, intent="the month")
        wait = Client(self.api).start("wait", "--json", old["id"])
        self.lower("amy", old["id"], 500, reason="no more than that")
        ended = self.api.reaches(old["id"], "cancelled")
        new = self.api.show(ended["narrowed_to"]["id"])
        self.assertEqual(new["digest"], ended["narrowed_to"]["digest"])
        self.assertNotEqual(new["digest"], old["digest"])
        self.assertEqual(new["parameters"], {"rows": 500, "to": "s3://x"})
        for name in ("action", "resource", "labels", "intent", "requester"):
            self.assertEqual(new[name], old[name], name)
        self.assertEqual(new["narrowed_from"], {"id": old["id"], "number": old["number"], "by": "amy",
                                                "what": "rows 500 instead of 5000"})
        # Whoever lowered it saw it all, so that they approve what takes its place; nobody else's vote is there.
        self.assertEqual(new["state"], "approved")
        self.assertEqual([(vote["person"], vote["verdict"]) for vote in new["votes"]], [("amy", "approve")])
        self.assertEqual(wait.wait(), 0, wait.text())
        self.assertIn("rows 500 instead of 5000", wait.text())
        self.assertEqual(json.loads("\n".join(wait.out))["id"], new["id"])
        self.assertEqual(self.api.call("POST", f"/v1/requests/{old['id']}/claim", {"digest": old["digest"]}).status, 409)
        claim = self.api.call("POST", f"/v1/requests/{new['id']}/claim", {"digest": new["digest"]})
        self.assertEqual(claim.status, 200, claim.body)
        # Both cards tell.
        self.assertIn("rows 500 instead of 5000", json.dumps(self.workspace.card(new["id"])["blocks"]))
        self.assertTrue(wait_until("the old card", lambda: "Lowered" in json.dumps(
            self.workspace.card(old["id"])["blocks"])))
        self.assertEqual(self.events(old["id"]), ["created", "cancelled"])
        self.assertEqual(self.events(new["id"])[:3], ["created", "voted", "approved"])

    def test_other_votes_do_not_carry_over(self):
        old = self.api.open("db.export", parameters={"rows": 50000})
        self.assertTrue(self.workspace.approve("ben", old["id"])["acked"])
        self.api.reaches(old["id"], "pending")
        self.lower("amy", old["id"], 20000)
        new = self.api.show(self.api.reaches(old["id"], "cancelled")["narrowed_to"]["id"])
        self.assertEqual(new["state"], "pending")
        self.assertEqual([vote["person"] for vote in new["votes"]], ["amy"])
        self.assertIn("rows 20000 instead of 50000", json.dumps(self.workspace.card(new["id"])["blocks"]))
        self.assertTrue(self.workspace.approve("ben", new["id"])["acked"])
        self.api.reaches(new["id"], "approved")

    def test_a_lowered_request_is_matched_anew(self):
        old = self.api.open("db.export", parameters={"rows": 5000})
        self.lower("amy", old["id"], 50)
        new = self.api.show(self.api.reaches(old["id"], "cancelled")["narrowed_to"]["id"])
        self.assertEqual((new["state"], new["policy"]["rules"]), ("approved", ["small exports"]))
        refused = self.api.open("db.export", parameters={"rows": 5001})
        self.lower("amy", refused["id"], 5)  # no rule matches that
        self.assertEqual(self.api.show(refused["id"])["state"], "pending")

    def test_what_is_wrong_stays_in_the_dialog(self):
        request = self.api.open("db.export", parameters={"rows": 5000})
        for number, said in (("6000", "less than 5000"), ("0", "above 0"), ("1.5", "whole number"), ("5000", "below")):
            answer = self.lower("amy", request["id"], number)
            self.assertIn(said, json.dumps(answer))
        self.assertEqual(self.api.show(request["id"])["state"], "pending")

    def test_words_and_the_api_lower_too(self):
        request = self.api.open("db.export", parameters={"rows": 5000})
        told = self.workspace.command("amy", f"lower {request['number']} rows=900 too many")
        ended = self.api.reaches(request["id"], "cancelled")
        self.assertEqual(ended["reason"], "too many")
        # Nothing was shown for words alone, so nothing is approved by them.
        self.assertEqual(self.api.show(ended["narrowed_to"]["id"])["state"], "pending", told)
        voter = Api(self.parts.url, self.parts.make_token("--scope", "vote", "--owner", "slack:T0SIM/U0BEN"))
        [made] = [token for token in json.loads(self.parts.verb("token", "list", "--json").out[0])
                  if token["scopes"] == ["vote"]]
        self.parts.confirm_token("ben", made["id"])
        request = self.api.open("db.export", parameters={"rows": 5001})
        path, vote = f"/v1/requests/{request['id']}/votes", {"verdict": "lower", "digest": request["digest"]}
        self.assertEqual(voter.call("POST", path, vote).status, 400)
        self.assertEqual(voter.call("POST", path, {**vote, "lower": {"parameters.rows": "9"}}).status, 400)
        wrong = voter.call("POST", path, {**vote, "lower": {"parameters.to": 9}})
        self.assertEqual((wrong.status, wrong.json["code"]), (400, "not_lowerable"))
        done = voter.call("POST", path, {**vote, "lower": {"parameters.rows": 800}})
        self.assertEqual(done.status, 200, done.body)
        new = self.api.show(done.json["narrowed_to"]["id"])
        self.assertEqual((new["state"], new["parameters"]), ("approved", {"rows": 800}))

    def test_a_wrapped_command_is_not_run_with_other_numbers(self):
        run = Client(self.api).start("run", "--action", "db.export", "--param", "rows=5000", "--", "echo", "ran 5000")
        request = run.line(r"filed .*\((req_\w+)\)").group(1)
        self.lower("amy", request, 500)
        self.assertEqual((run.wait(), run.out), (14, []), run.text())
        self.assertIn("rows 500 instead of 5000", run.text())
        new = self.api.show(request)["narrowed_to"]["id"]
        self.assertEqual(self.api.show(new)["state"], "cancelled")

    def test_the_gate_calls_the_tool_with_what_was_lowered(self):
        journal = self.folder.path + "/journal"
        gate = subprocess.Popen(
            [binary(), "gate", "mcp", "--name", "files", "--", sys.executable, SERVER, journal],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**Client(self.api).environment, "HOME": self.folder.path, "PATH": "/usr/bin:/bin"})
        self.addCleanup(gate.wait)
        self.addCleanup(gate.kill)
        send = lambda message: (gate.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n"), gate.stdin.flush())
        send({"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {},
                                                         "clientInfo": {"name": "c", "version": "1"}}})
        json.loads(gate.stdout.readline())
        send({"id": "a", "method": "tools/call", "params": {"name": "write", "arguments": {"rows": 700, "to": "x"}}})
        pending = wait_until("the request", lambda: self.api.call(
            "GET", "/v1/requests?state=pending&action=mcp.files.write").json["requests"])[0]
        self.lower("amy", pending["id"], 300)
        answer = json.loads(gate.stdout.readline())
        self.assertEqual(json.loads(answer["result"]["content"][0]["text"]), {"rows": 300, "to": "x"})
        gate.stdin.close()

    # ---- approved beforehand

    def session(self, **parameters):
        return self.api.open("db.query", resource="orders-*", parameters={"minutes": 30, "statement": "select *",
                                                                          **parameters})

    def query(self, statement="select 1", **more):
        return self.api.open("db.query", parameters={"statement": statement},
                             **{"resource": "orders-eu", **more})

    def test_a_session_covers_what_fits_so_often_as_it_says(self):
        session = self.session()
        self.assertEqual(session["session"], {"minutes": 30, "uses": 2, "used": 0})
        self.assertIn("This approves what nobody has seen yet", json.dumps(self.workspace.card(session["id"])["blocks"]))
        self.assertEqual(self.query("select 0")["state"], "pending")
        self.assertTrue(self.workspace.approve("amy", session["id"])["acked"])
        self.api.reaches(session["id"], "approved")
        refused = self.api.call("POST", f"/v1/requests/{session['id']}/claim", {"digest": session["digest"]})
        self.assertEqual((refused.status, refused.json["code"]), (409, "is_session"))
        first = self.query()
        self.assertEqual((first["state"], first["approved_by_session"]), ("approved", session["id"]))
        claimed = self.api.call("POST", f"/v1/requests/{first['id']}/claim", {"digest": first["digest"]})
        self.assertEqual(claimed.status, 200, claimed.body)
        self.assertEqual(self.query("insert into x")["state"], "pending")
        self.assertEqual(self.query(resource="customers")["state"], "pending")
        self.assertEqual(self.api.call("POST", "/v1/requests", {
            "action": "db.query", "resource": "orders-eu", "parameters": {"statement": "drop table"}}).json["state"],
            "refused")
        key = {"Idempotency-Key": "the-second-use"}
        body = {"action": "db.query", "resource": "orders-us", "parameters": {"statement": "select 2"}}
        second = self.api.call("POST", "/v1/requests", body, key)
        again = self.api.call("POST", "/v1/requests", body, key)
        self.assertEqual((second.status, again.status), (201, 200))
        self.assertEqual(second.json["id"], again.json["id"])
        over = self.api.reaches(session["id"], "lapsed")
        self.assertEqual(over["session"]["used"], 2)
        self.assertEqual(self.query("select 3")["state"], "pending")
        self.assertEqual(self.events(session["id"]), ["created", "voted", "approved", "used", "used", "lapsed"])

    def test_one_click_revokes_a_session(self):
        session = self.session(limit=7)
        self.assertTrue(self.workspace.approve("amy", session["id"])["acked"])
        self.api.reaches(session["id"], "approved")
        wait_until("the button", lambda: "Revoke" in json.dumps(self.workspace.card(session["id"])["blocks"]))
        self.assertTrue(self.workspace.click("ben", session["id"], "revoke")["acked"])
        self.api.reaches(session["id"], "cancelled")
        covered = self.api.open("db.query", resource="orders-eu", parameters={"statement": "select 1", "limit": 7})
        self.assertEqual(covered["state"], "pending")

    def test_another_token_is_not_covered(self):
        session = self.session(limit=8)
        self.assertTrue(self.workspace.approve("amy", session["id"])["acked"])
        self.api.reaches(session["id"], "approved")
        other = Api(self.parts.url, self.parts.make_token())
        asked = other.open("db.query", resource="orders-eu", parameters={"statement": "select 1", "limit": 8})
        self.assertEqual(asked["state"], "pending")

    def test_the_audit_proves_both(self):
        session = self.session(limit=9)
        self.assertTrue(self.workspace.approve("amy", session["id"])["acked"])
        self.api.reaches(session["id"], "approved")
        self.api.open("db.query", resource="orders-eu", parameters={"statement": "select 1", "limit": 9})
        wide = self.api.open("db.export", parameters={"rows": 5000})
        self.lower("amy", wide["id"], 400)
        self.api.reaches(wide["id"], "cancelled")
        audit = self.parts.verb("audit", "verify")
        self.assertEqual(audit.code, 0, audit.text())


if __name__ == "__main__":
    unittest.main()
