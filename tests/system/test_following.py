"""How the client verbs wait: by long polls that resume, not by asking again and again."""
import time
import unittest

from process import Api, wait_until
from proxy import Proxy
from test_requests import PRODUCTION, DevTest


class Following(DevTest):
    def through(self, **proxy):
        """A way to the server that sees, and may spoil, every call."""
        made = Proxy(self.api.url, witness=Api.witness, **proxy)
        self.addCleanup(made.stop)
        return made

    def start(self, proxy, *arguments):
        run = self.client.start(*arguments, environment={"COUNTERSIGN_URL": proxy.url})
        self.addCleanup(run.kill)
        return run

    def test_AWaitIsOneCallForEachThingThatHappens(self):
        proxy = self.through()
        request = self.api.open(**PRODUCTION)
        waiting = self.start(proxy, "wait", request["id"])
        waiting.line("waiting for")
        for who, left in (("amy", "1 of security"), ("ben", "1 of dba"), ("cat", None)):
            self.workspace.approve(who, request["id"])
            if left:
                waiting.line(left)
        self.assertEqual(waiting.wait(), 0, waiting.text())
        self.assertLessEqual(len(proxy.calls), 4, proxy.calls)
        self.assertEqual([call.status for call in proxy.calls], [200] * len(proxy.calls))

    def test_AGatewayThatFailsForAWhileIsOutwaited(self):
        faults = {"POST": [502, 0, 429], "GET": [0, 503, 504, 0]}
        proxy = self.through(fault=lambda method, target: faults[method].pop(0) if faults[method] else None)
        run = self.start(proxy, "run", "--action", "deploy.api", "--", "echo", "ran")
        request = run.line(r"filed .*\((req_\w+)\)").group(1)
        wait_until("the faults behind it", lambda: not any(faults.values()))
        faults["POST"] = [500, 0]  # the claim, and its second attempt
        self.workspace.approve("amy", request)
        self.assertEqual((run.wait(), run.out), (0, ["ran"]), run.text())
        self.assertEqual(len([line for line in run.err if "trying again" in line]), 3, "told once for each stretch")
        self.assertEqual(self.api.reaches(request, "succeeded")["state"], "succeeded")

    def test_WhatRetryAfterSaysIsWaited(self):
        asked = []

        def fault(method, target):
            asked.append(time.monotonic())
            return 429 if len(asked) in (1, 3) else None
        proxy = self.through(fault=fault, retry_after=2)
        request = self.api.open()
        waiting = self.start(proxy, "wait", request["id"])
        wait_until("the second answer and a wait", lambda: len(asked) >= 4, 20)
        self.workspace.approve("amy", request["id"])
        self.assertEqual(waiting.wait(), 0, waiting.text())
        for refused in (0, 2):
            self.assertGreaterEqual(asked[refused + 1] - asked[refused], 2.0)

    def test_ADecisionOfTheTimeAwayIsNotMissed(self):
        gone = []
        proxy = self.through(fault=lambda method, target: 0 if gone else None)
        request = self.api.open()
        waiting = self.start(proxy, "wait", request["id"])
        waiting.line("waiting for")
        gone.append(True)
        proxy.hang_up()
        waiting.line("trying again")
        self.workspace.approve("amy", request["id"])
        self.api.reaches(request["id"], "approved")
        gone.clear()
        self.assertEqual(waiting.wait(), 0, waiting.text())


if __name__ == "__main__":
    unittest.main()
