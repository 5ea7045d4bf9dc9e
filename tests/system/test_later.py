"""What comes while nobody decides, and what is kept to the requester: reminders and escalations by the clock, and
values that no table, log, card or event may show. The real server, PostgreSQL and the workspace."""
import json
import unittest

from process import Api, Parts, TempFolder, wait_until

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
    remind: [2s, 7s]                # far apart: what comes late on a busy machine is made up for with one
    escalate: { after: 10s, to: { slack: "#prod-approvals" } }
"""


class LaterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.parts = Parts(cls.folder.path, cls.folder.write("policy.yaml", POLICY))
        cls.addClassCleanup(cls.folder.remove)
        cls.addClassCleanup(cls.parts.stop)
        cls.parts.start_postgres()
        cls.parts.start_sandbox()
        cls.parts.migrate()
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

    def test_people_are_called_by_mentions_and_then_others_are_told(self):
        request = self.api.open("slow.deploy")
        card = self.workspace.card(request["id"], "#prod-approvals")
        wait_until("both lines", lambda: len(self.lines(request, "#approvals")) >= 3, 60)
        reminders = [line for line in self.lines(request, "#approvals") if "Reminder" in line]
        self.assertEqual(len(reminders), 2)
        self.assertIn("this still needs 2 of security", reminders[0])
        for user in ("U0AMY", "U0BEN"):
            self.assertIn(f'"user_id": "{user}"', reminders[0])
        reason = wait_until("why it came", lambda: self.lines(request, "#prod-approvals"))
        self.assertIn("Escalated to #prod-approvals: nobody decided within 10s", reason[0])
        self.assertEqual(self.events(request), ["created", "reminded", "reminded", "escalated"])
        self.assertEqual(self.api.show(request["id"])["version"], 4)
        # The card there is like the others: a click on it counts, and it stays true.
        self.assertTrue(self.workspace.click_on("amy", card, "approve", "#prod-approvals")["acked"])
        self.assertTrue(self.workspace.approve("ben", request["id"])["acked"])
        self.api.reaches(request["id"], "approved")
        wait_until("both cards without buttons", lambda: not any(
            '"action_id": "approve"' in json.dumps(self.workspace.card(request["id"], channel)["blocks"])
            for channel in ("#approvals", "#prod-approvals")))


if __name__ == "__main__":
    unittest.main()
