"""The manager whom Slack's profile of the requester names is asked, and nobody else. The real server, PostgreSQL and
the workspace."""
import json
import unittest

from process import Api, Parts, TempFolder, wait_until

POLICY = """
version: 1
people:
  riley: { slack: U0RILEY }
rules:
  - name: travel
    when: { action: travel.book }
    require: { of_requester: manager }
"""
FIELD = "Xf0MANAGER"


class ManagersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.parts = Parts(cls.folder.path, cls.folder.write("policy.yaml", POLICY),
                          {"COUNTERSIGN_SLACK_MANAGER_FIELD": FIELD})
        cls.addClassCleanup(cls.folder.remove)
        cls.addClassCleanup(cls.parts.stop)
        cls.parts.start_postgres()
        cls.parts.start_sandbox()
        cls.parts.migrate()
        cls.workspace = cls.parts.workspace
        cls.workspace.control("limits", {"limits": "off"})
        token = cls.parts.make_token()
        cls.parts.start_server()
        cls.api = Api(cls.parts.url, token)

    def profile(self, user, value):
        answer = self.workspace.control("users", {"id": user, "fields": {FIELD: value}})
        self.assertTrue(answer["ok"], answer)

    def ask(self, who="U0RILEY"):
        return self.api.open("travel.book", on_behalf_of=[f"slack:T0SIM/{who}"])

    def test_the_manager_is_asked_and_nobody_else(self):
        self.profile("U0RILEY", "U0AMY")
        request = self.ask()
        self.assertEqual((request["state"], request["missing"][0]["group"]), ("pending", "manager of riley"))
        self.workspace.approve("ben", request["id"])
        self.workspace.told("ben", "Only members of manager of riley")
        # Whoever becomes the manager meanwhile is asked from then on, and the former one no longer.
        self.profile("U0RILEY", "U0CAT")
        self.workspace.approve("amy", request["id"])
        self.workspace.told("amy", "Only members of manager of riley")
        self.workspace.approve("cat", request["id"])
        approved = self.api.reaches(request["id"], "approved")
        self.assertEqual(approved["votes"][0]["counted_for"], "manager of riley")

    def test_who_has_none_gets_nothing_approved(self):
        for nothing in ("", "the boss"):
            self.profile("U0DAN", nothing)
            refused = self.ask("U0DAN")
            self.assertEqual(refused["state"], "refused", refused)
            self.assertIn("manager of slack:T0SIM/U0DAN must give 1 person, but only 0 of its members", refused["reason"])

    def test_nobody_is_their_own_manager(self):
        self.profile("U0EVE", "U0EVE")
        self.assertEqual(self.ask("U0EVE")["state"], "refused")

    def test_what_cannot_be_read_lets_nobody_approve(self):
        self.profile("U0BEN", "U0AMY")
        self.workspace.control("faults", {"method": "users.profile.get", "times": 200, "error": "internal_error"})
        self.addCleanup(self.workspace.control, "faults", {"clear": True})
        request = self.ask("U0BEN")
        self.assertEqual(request["state"], "pending")
        self.workspace.approve("amy", request["id"])
        self.assertEqual(self.api.show(request["id"])["votes"], [])


if __name__ == "__main__":
    unittest.main()
