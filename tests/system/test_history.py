"""Rules that ask about other requests: budgets, one at a time, not the last one. Two real servers, one PostgreSQL,
the workspace and the API."""
import concurrent.futures
import unittest

from process import Api, Parts, Program, TempFolder, wait_until

POLICY = """
version: 1
people:
  amy: { slack: U0AMY }
  ben: { slack: U0BEN }
  riley: { slack: U0RILEY }
groups:
  security: { people: [amy, ben] }
rules:
  - name: reads
    when: { action: db.read }
    allow: true
    budget: { count: 7, per: 1h, by: requester }
  - name: refunds
    when: { action: refund }
    allow: true
    budget: { sum: parameters.amount, max: 100, per: 1d, over: { of: security } }
  - name: exports
    when: { action: db.export }
    require: { of: security }
    budget: { count: 1, per: 1h, by: resource }
  - name: deploys
    when: { action: deploy }
    require: { of: security }
    one_at_a_time: [action, resource]
  - name: plans
    when: { action: plan }
    require: { of: security }
    one_at_a_time: { by: resource, supersede: true }
  - name: payments
    when: { action: pay }
    require: { of: security, not_last: 1 }
"""


class HistoryTest(unittest.TestCase):
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
        token = cls.parts.make_token()
        cls.parts.start_server()
        second = Program(["serve"], {**cls.parts.environment, "COUNTERSIGN_LISTEN": "127.0.0.1:0"})
        cls.addClassCleanup(second.stop)
        cls.api = Api(cls.parts.url, token)
        cls.replicas = [cls.api, Api(second.line(r"listening on (http://\S+)").group(1), token)]
        wait_until("the second server", lambda: cls.replicas[1].ready() and cls.replicas[1].ready().status == 200)

    def ask(self, action, api=None, **more):
        return (api or self.api).open(action, on_behalf_of=["slack:T0SIM/U0RILEY"], **more)

    def approve(self, who, request):
        self.assertTrue(self.workspace.approve(who, request["id"])["acked"])

    def test_requests_that_come_at_once_exceed_no_budget(self):
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            asked = pool.map(lambda i: self.ask("db.read", api=self.replicas[i % 2]), range(30))
            states = [one["state"] for one in asked]
        self.assertEqual(states.count("approved"), 7, states)
        self.assertEqual(states.count("refused"), 23, states)
        refused = self.ask("db.read")
        self.assertIn("the budget of rule reads (7 requests within 1h, each requester by itself) has no room for this: "
                      "7 of 7 were let through; there is room again from 20", refused["reason"])

    def test_beyond_a_sum_others_are_asked(self):
        self.assertEqual(self.ask("refund", parameters={"amount": 60})["state"], "approved")
        beyond = self.ask("refund", parameters={"amount": 60.5})
        self.assertEqual(beyond["state"], "pending")
        self.assertEqual(beyond["policy"]["over_budget"], ["refunds"])
        self.assertEqual(self.ask("refund", parameters={"amount": 40})["state"], "approved")
        self.assertEqual(self.ask("refund", parameters={"amount": "40"})["state"], "refused")
        self.approve("amy", beyond)
        self.api.reaches(beyond["id"], "approved")

    def test_a_vote_that_would_spend_too_much_is_told_why_and_changes_nothing(self):
        first, second = (self.ask("db.export", resource="orders") for _ in range(2))
        self.assertEqual(first["policy"]["budgets"],
                         [{"rule": "exports", "count": 1, "seconds": 3600, "by": ["resource"]}])
        self.approve("amy", first)
        self.api.reaches(first["id"], "approved")
        self.approve("amy", second)
        self.workspace.told("amy", "the budget of rule exports")
        now = self.api.show(second["id"])
        self.assertEqual((now["state"], now["votes"], now["version"]), ("pending", [], 1))

    def test_one_goes_on_at_a_time(self):
        first, second = (self.ask("deploy", resource="shop") for _ in range(2))
        self.approve("ben", second)
        self.workspace.told("ben", f"#{first['number']} comes first")
        self.approve("ben", first)
        approved = self.api.reaches(first["id"], "approved")
        claim = self.api.call("POST", f"/v1/requests/{first['id']}/claim", {"digest": approved["digest"]})
        self.assertEqual(claim.status, 200, claim.body)
        self.assertEqual(self.api.show(second["id"])["state"], "pending")
        done = self.api.call("POST", f"/v1/requests/{first['id']}/outcome", {"status": "succeeded"})
        self.assertEqual(done.status, 200, done.body)
        self.approve("ben", second)
        self.api.reaches(second["id"], "approved")

    def test_a_newer_request_ends_the_one_before_it(self):
        first = self.ask("plan", resource="shop")
        second = self.ask("plan", resource="shop")
        ended = self.api.reaches(first["id"], "cancelled")
        self.assertEqual(ended["superseded_by"], second["id"])
        self.approve("amy", second)
        self.api.reaches(second["id"], "approved")
        third = self.ask("plan", resource="shop")
        self.assertEqual(self.api.show(second["id"])["superseded_by"], third["id"], "an approval that nobody claimed ends, too")

    def test_a_request_that_comes_twice_does_not_end_itself(self):
        key = {"Idempotency-Key": "once"}
        body = {"action": "plan", "resource": "cart", "on_behalf_of": ["slack:T0SIM/U0RILEY"]}
        first = self.api.call("POST", "/v1/requests", body, key)
        again = self.api.call("POST", "/v1/requests", body, key)
        self.assertEqual((first.status, again.status), (201, 200), again.body)
        self.assertEqual((again.json["id"], again.json["state"]), (first.json["id"], "pending"))

    def test_whoever_approved_the_last_one_leaves_the_next_to_others(self):
        first, second = (self.ask("pay") for _ in range(2))
        self.approve("amy", first)
        self.api.reaches(first["id"], "approved")
        self.approve("amy", second)
        self.workspace.told("amy", "asks for somebody else this time")
        self.approve("ben", second)
        self.api.reaches(second["id"], "approved")

    def test_the_log_holds_together(self):
        checked = self.parts.verb("audit", "verify")
        self.assertEqual(checked.code, 0, checked.text())


if __name__ == "__main__":
    unittest.main()
