"""What somebody approved who had asked for it is reviewed by others: with a button, by words, through the API and from a
terminal; and what nobody reviews in time blocks the next. The real server, PostgreSQL, the workspace and the client."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from process import USERS, Api, Client, Parts, TempFolder, wait_until  # noqa: E402

POLICY = """
version: 1
people:
  riley: { slack: U0RILEY }
  amy: { slack: U0AMY }
  ben: { slack: U0BEN }
  cat: { slack: U0CAT }
groups:
  ops: { people: [riley, cat] }
  security: { people: [amy, ben] }
rules:
  - name: by night
    when: { action: restart }
    require: { count: 1, of: ops }
    self_approval: { allow: [riley], reason: required, review: { by: security, within: 1d } }
  - name: in haste
    when: { action: deploy }
    require: { count: 1, of: ops }
    self_approval: { allow: [riley, cat], reason: required, review: { by: security, within: 2s } }
"""


class Reviews(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.parts = Parts(cls.folder.path, cls.folder.write("policy.yaml", POLICY))
        cls.addClassCleanup(cls.parts.stop)
        cls.parts.start()
        cls.api, cls.workspace = cls.parts.api, cls.parts.workspace
        cls.workspace.control("limits", {"limits": "off"})
        cls.amy = Client(Api(cls.parts.url, cls.parts.make_token("--owner", "amy", "--scope", "read")))

    def break_glass(self, action="restart", who="riley"):
        request = self.api.open(action, on_behalf_of=[who], intent="the site is down")
        self.approve_own(who, request)
        return self.api.reaches(request["id"], "approved")

    def approve_own(self, who, request, reason="nobody else is awake"):
        self.workspace.click(who, request["id"], "approve")
        user = USERS[who]
        wait_until("the dialog", lambda: self.workspace.control("views", user=user)["views"], 5)
        return self.workspace.control("submit_view", {"user": user, "values": {"reason": {"text": reason}}})

    def events(self, request_id):
        page = self.api.call("GET", f"/v1/events?after=-1&request={request_id}",
                             headers={"Accept": "application/json"}).json
        return [event["type"].removeprefix("countersign.") for event in page["events"]]

    def listed(self, which):
        return [one["id"] for one in self.api.call("GET", f"/v1/requests?review={which}").json["requests"]]

    def card_says(self, request_id, *words):
        return wait_until(f"a card that says {words}", lambda: all(
            word in json.dumps(self.workspace.card(request_id)["blocks"], ensure_ascii=False) for word in words))

    def test_the_card_asks_others_and_its_button_takes_what_they_found(self):
        request = self.break_glass()
        self.assertEqual(request["review"]["state"], "open")
        self.assertEqual(request["review"]["missing"], [{"group": "security", "could_review": ["amy", "ben"]}])
        self.card_says(request["id"], "To be reviewed", "security")
        self.assertIn(request["id"], self.listed("open"))
        self.assertNotIn(request["id"], self.listed("overdue"))
        # It goes on while nobody has looked yet, and the card stays.
        claim = self.api.call("POST", f"/v1/requests/{request['id']}/claim", {"digest": request["digest"]})
        self.assertEqual(claim.status, 200, claim.body)
        self.api.call("POST", f"/v1/requests/{request['id']}/outcome", {"status": "succeeded", "detail": "up"})
        self.api.reaches(request["id"], "succeeded")
        self.card_says(request["id"], "succeeded", "To be reviewed")
        for who, said in (("riley", "behind this request"), ("cat", "Only members of security")):
            answer = self.workspace.with_reason(who, request["id"], "review", "all fine")
            self.assertIn(said, json.dumps(answer) + json.dumps(self.workspace.ephemerals(who)))
        self.workspace.with_reason("amy", request["id"], "review", "called for, the pager log agrees")
        done = wait_until("a review", lambda: (one := self.api.show(request["id"]))["review"]["state"] == "done" and one)
        self.assertEqual(done["state"], "succeeded")
        [given] = done["review"]["given"]
        self.assertEqual((given["person"], given["via"], given["reason"]),
                         ("amy", "slack", "called for, the pager log agrees"))
        self.card_says(request["id"], "Reviewed", "the pager log agrees")
        self.assertNotIn('"Review"', json.dumps(self.workspace.card(request["id"])["blocks"]))
        self.assertEqual(self.listed("open").count(request["id"]), 0)
        wait_until("its event", lambda: "breakglass.reviewed" in self.events(request["id"]))
        self.assertIn("breakglass.used", self.events(request["id"]))
        self.assertEqual(done["timeline"][-1]["what"], "reviewed")

    def test_words_the_api_and_a_terminal_review_too(self):
        by_words, by_api, by_terminal = self.break_glass(), self.break_glass(), self.break_glass()
        listed = self.workspace.command("ben", "reviews")
        self.assertIn(f"#{by_words['number']}", json.dumps(listed) + json.dumps(self.workspace.ephemerals("ben")))
        self.workspace.command("ben", f"review {by_words['number']}")
        self.workspace.told("ben", "Say what you found")
        self.workspace.command("ben", f"review #{by_words['number']} it was called for")
        wait_until("the review", lambda: self.api.show(by_words["id"])["review"]["state"] == "done")

        voter = Api(self.parts.url, self.parts.make_token("--scope", "vote", "--owner", "slack:T0SIM/U0BEN"))
        [made] = [token for token in json.loads(self.parts.verb("token", "list", "--json").out[0])
                  if token["scopes"] == ["vote"]]
        self.parts.confirm_token("ben", made["id"])
        path = f"/v1/requests/{by_api['id']}/votes"
        vote = {"verdict": "review", "digest": by_api["digest"]}
        self.assertEqual(voter.call("POST", path, vote).json["code"], "reason_required")
        answer = voter.call("POST", path, {**vote, "reason": "fine"})
        self.assertEqual((answer.status, answer.json["review"]["state"]), (200, "done"), answer.body)
        again = voter.call("POST", path, {**vote, "reason": "fine"})
        self.assertEqual((again.status, again.json["code"]), (409, "nothing_to_review"))

        number = str(by_terminal["number"])
        rows = self.amy.run("list", "--review", "open")
        self.assertIn(f"#{number}", rows.text())
        shown = self.amy.run("show", number)
        self.assertIn("To be reviewed by somebody of security: amy, ben", shown.text())
        verb = self.amy.start("review", number, "--yes", "--reason", "seen from a desk")
        verb.line("You are asked in Slack")
        user = USERS["amy"]
        asked = wait_until("a question", lambda: [
            message for message in self.workspace.control("messages", channel=user)["messages"]
            if '"vote_agree"' in json.dumps(message.get("blocks", []))])[-1]
        self.workspace.control("click", {"user": user, "channel": user, "ts": asked["ts"], "action_id": "vote_agree"})
        self.assertEqual(verb.wait(), 0, verb.text())
        self.assertEqual(self.api.show(by_terminal["id"])["review"]["given"][0]["reason"], "seen from a desk")

    def test_what_nobody_reviews_in_time_blocks_the_next_use_of_that_rule_alone(self):
        late = self.break_glass("deploy")
        wait_until("the end of the time", lambda: "breakglass.overdue" in self.events(late["id"]), 30)
        self.assertEqual(self.api.show(late["id"])["review"]["state"], "overdue")
        self.assertEqual(self.listed("overdue"), [late["id"]])
        self.card_says(late["id"], "Review overdue")
        blocked = self.api.open("deploy", on_behalf_of=["riley"])
        answer = self.approve_own("riley", blocked)
        said = json.dumps(answer) + json.dumps(self.workspace.ephemerals("riley"))
        self.assertIn(f"#{late['number']}", said)
        self.assertIn("not reviewed in time", said)
        self.assertEqual(self.api.show(blocked["id"])["state"], "pending")
        self.break_glass("restart")  # another rule
        self.workspace.approve("cat", blocked["id"])
        self.api.reaches(blocked["id"], "approved")  # somebody else approves as ever
        self.workspace.command("amy", f"review {late['number']} late, but fine")
        wait_until("the review", lambda: self.api.show(late["id"])["review"]["state"] == "done")
        self.break_glass("deploy")

    def test_an_open_review_outlives_the_server_and_is_told_by_the_next(self):
        request = self.break_glass("deploy", "cat")
        self.parts.server.kill()
        self.parts.start_server()
        wait_until("the end of the time", lambda: "breakglass.overdue" in self.events(request["id"]), 30)
        self.workspace.command("ben", f"review {request['number']} fine")
        wait_until("the review", lambda: self.api.show(request["id"])["review"]["state"] == "done")


if __name__ == "__main__":
    unittest.main()
