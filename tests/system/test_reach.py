"""How people are reached: whoever is away has somebody else fill their slot, whoever is on call is asked at PagerDuty, and
nobody is woken. The real server, PostgreSQL, the workspace, and a service of our own that answers as PagerDuty does."""
import datetime
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from pagerduty import PagerDuty  # noqa: E402
from process import Api, Client, Parts, TempFolder, wait_until  # noqa: E402

POLICY = """
version: 1
people:
  riley: { slack: U0RILEY }
  amy: { slack: U0AMY, pagerduty: PUAMY }
  ben: { slack: U0BEN, pagerduty: PUBEN }
  cat: { slack: U0CAT }
groups:
  security: { people: [amy, ben] }
  oncall: { on_call: PABC123 }
rules:
  - name: delegated
    when: { action: deploy }
    require: { count: 1, of: security }
    delegate: true
  - name: not delegated
    when: { action: drop }
    require: { count: 1, of: security }
  - name: by whoever is on call
    when: { action: restart }
    require: { count: 1, of: oncall }
  - name: signed in for
    when: { action: wipe }
    require: { count: 1, of: security }
    step_up: oidc
  - name: in person
    when: { action: export }
    require: { count: 1, of: security }
    notify: direct
"""


def clock(hours):
    """What a clock that goes by UTC shows so many hours from now."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)).strftime("%H:%M")


class Reach(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.service = PagerDuty()
        cls.addClassCleanup(cls.service.stop)
        cls.parts = Parts(cls.folder.path, cls.folder.write("policy.yaml", POLICY), {
            "COUNTERSIGN_ON_CALL_URL": cls.service.url, "COUNTERSIGN_ON_CALL_TOKEN": "u+key",
            "COUNTERSIGN_IDENTITY_MAX_AGE": "2s",
            "COUNTERSIGN_QUIET_HOURS_FROM": clock(-2), "COUNTERSIGN_QUIET_HOURS_TO": clock(4)})
        cls.addClassCleanup(cls.parts.stop)
        cls.parts.start()
        cls.api, cls.workspace = cls.parts.api, cls.parts.workspace
        cls.workspace.control("limits", {"limits": "off"})

    def direct(self, who):
        return [json.dumps(message) for message in self.workspace.control("messages", channel=who)["messages"]]

    # ---- away

    def test_whoever_is_named_fills_the_slot_where_the_rule_allows_it(self):
        self.workspace.command("amy", "away until 2099-01-01 @cat")
        self.workspace.told("amy", "more than a year ahead")
        day = (datetime.date.today() + datetime.timedelta(days=9)).isoformat()
        self.workspace.command("amy", f"away until {day} @cat")
        self.workspace.told("amy", "who fills your place where the policy lets them")
        wait_until("cat being asked", lambda: "cat" in self.api.open("deploy", resource="x")["missing"][0]["could_approve"])
        try:
            refused = self.api.open("drop")
            self.workspace.approve("cat", refused["id"])
            self.workspace.told("cat", "Only members of security")
            request = self.api.open("deploy")
            self.assertTrue(self.workspace.approve("cat", request["id"])["acked"])
            done = self.api.reaches(request["id"], "approved")
            [vote] = done["votes"]
            self.assertEqual((vote["person"], vote["counted_for"], vote["in_place_of"]), ("cat", "security", "amy"))
            wait_until("the card", lambda: "in place of" in json.dumps(self.workspace.card(request["id"])["blocks"]))
            own = self.api.open("deploy", on_behalf_of=["amy"])
            self.workspace.approve("cat", own["id"])
            self.assertEqual(self.api.show(own["id"])["state"], "pending", "amy is behind it")
        finally:
            self.workspace.command("amy", "away off")
            self.workspace.told("amy", "Welcome back")
        after = wait_until("amy being back", lambda: (one := self.api.open("deploy", resource="y")) and
                           "cat" not in one["missing"][0]["could_approve"] and one)
        self.workspace.approve("cat", after["id"])
        self.assertEqual(self.api.show(after["id"])["state"], "pending")

    # ---- on call

    def test_whoever_is_on_call_approves_and_nobody_else(self):
        request = self.api.open("restart")
        self.assertEqual(request["missing"][0]["could_approve"], ["amy"])
        path, query, fields = self.service.asked[-1]
        self.assertEqual((path, query["escalation_policy_ids[]"]), ("/oncalls", ["PABC123"]))
        self.assertEqual(fields["Authorization"], "Token token=u+key")
        self.workspace.approve("ben", request["id"])
        self.assertEqual(self.api.show(request["id"])["state"], "pending")
        self.service.users = ["PUBEN"]
        try:
            wait_until("ben's turn", lambda: self.workspace.approve("ben", request["id"]) and
                       self.api.show(request["id"])["state"] == "approved")
        finally:
            self.service.users = ["PUAMY"]

    def test_where_the_service_cannot_be_asked_nobody_counts_and_it_says_why(self):
        request = self.api.open("restart")
        self.service.status = 401
        try:
            def warned():
                ready = self.api.ready()
                return "on_call.token" in json.dumps(ready.json) and ready
            self.assertEqual(wait_until("a warning", warned, 40).status, 200, "it serves on")
            self.workspace.approve("amy", request["id"])
            self.workspace.told("amy", "too old to rely on|Who is on call")
            self.workspace.approve("ben", request["id"])
            self.workspace.told("ben", "Who is on call for oncall is not known just now")
            self.assertEqual(self.api.show(request["id"])["state"], "pending")
        finally:
            self.service.status = 200
        wait_until("amy's turn", lambda: self.workspace.approve("amy", request["id"]) and
                   self.api.show(request["id"])["state"] == "approved", 40)

    def test_a_sign_in_that_nobody_can_do_is_told_of_by_readyz(self):
        ready = self.api.ready()
        self.assertEqual((ready.status, ready.json["status"]), (200, "ready"))
        self.assertRegex(" ".join(ready.json["warnings"]), "sign-in: .*no OpenID provider is set.*: signed in for")

    def test_whoever_is_on_call_and_cannot_vote_is_told_of_by_readyz(self):
        self.service.users = ["PUAMY", "PUSTRANGER"]
        try:
            def warned():
                ready = self.api.ready()
                return "PUSTRANGER" in json.dumps(ready.json.get("warnings", [])) and ready
            ready = wait_until("a warning", warned, 60)
            self.assertEqual((ready.status, ready.json["status"]), (200, "ready"))
            self.assertIn("1 of 2 on call for oncall cannot vote: PUSTRANGER, who is nobody of `people`",
                          " ".join(ready.json["warnings"]))
        finally:
            self.service.users = ["PUAMY"]
        wait_until("no warning", lambda: "PUSTRANGER" not in json.dumps(self.api.ready().json), 60)

    # ---- quiet hours

    def test_nobody_is_told_in_person_while_it_is_night_where_they_are(self):
        self.workspace.control("users", {"id": "U0AMY", "tz": "Etc/UTC"})
        self.workspace.control("users", {"id": "U0BEN", "tz": "Etc/GMT-12", "tz_offset": 43200})
        request = wait_until("a time zone", self.held_for_amy_alone, 30)
        self.assertIn(request["id"], " ".join(self.direct("U0BEN")))
        self.assertNotIn(request["id"], " ".join(self.direct("U0AMY")))
        card = self.workspace.card(request["id"])  # the channel's, at once
        self.assertIn("Quiet hours", json.dumps(card["blocks"]))
        # Whoever comes after a crash holds it as well, and votes are as ever.
        self.parts.server.kill()
        self.parts.start_server()
        self.assertTrue(self.workspace.approve("amy", request["id"])["acked"])
        self.api.reaches(request["id"], "approved")
        self.assertNotIn(request["id"], " ".join(self.direct("U0AMY")), "what is decided wakes nobody")

    def held_for_amy_alone(self):
        request = self.api.open("export")
        wait_until("ben's card", lambda: request["id"] in " ".join(self.direct("U0BEN")) or
                   self.cards(request["id"]).get("U0BEN", {}).get("held_until"))
        held = {channel for channel, card in self.cards(request["id"]).items() if card.get("held_until")}
        return request if held == {"U0AMY"} else None

    def cards(self, request_id):
        return {card["channel"]: card for card in self.api.show(request_id)["cards"]}


if __name__ == "__main__":
    unittest.main()
