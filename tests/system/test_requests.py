"""The whole product as people and pipelines meet it: `dev` with the sample policy."""
import json
import os
import pathlib
import signal
import unittest

from process import SEARCH_PATH, Api, Dev, Program, TempFolder, wait_until

PRODUCTION = {"action": "db.export", "environment": "production", "resource": "postgres://orders/users",
              "intent": "Monthly churn", "parameters": {"rows": 120000}}


class DevTest(unittest.TestCase):
    """One running `dev` for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.dev = Dev(os.path.join(cls.folder.path, "home"))
        cls.api, cls.workspace, cls.client = cls.dev.api, cls.dev.workspace, cls.dev.client

    @classmethod
    def tearDownClass(cls):
        try:
            code = cls.dev.stop()
            assert code == 0, f"dev ended with {code}: {cls.dev.program.text()[-3000:]}"
        finally:
            cls.dev.program.kill()
            cls.folder.remove()


class Decisions(DevTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.workspace.control("limits", {"limits": "off"})  # what is told when Slack says 429 is slack's own test

    def test_ThreePeopleApproveAndTheGrantIsClaimedOnce(self):
        request = self.api.open(**PRODUCTION)
        self.assertEqual(request["state"], "pending")
        for who in ("amy", "ben", "cat"):
            self.assertTrue(self.workspace.approve(who, request["id"])["acked"])
        approved = self.api.reaches(request["id"], "approved")
        self.assertEqual({v["person"]: v["counted_for"] for v in approved["votes"]},
                         {"amy": "security", "ben": "security", "cat": "dba"})
        path = f"/v1/requests/{request['id']}/claim"
        claim = {"digest": request["digest"]}
        first = self.api.call("POST", path, claim, {"Idempotency-Key": "one"})
        again = self.api.call("POST", path, claim, {"Idempotency-Key": "one"})
        other = self.api.call("POST", path, claim, {"Idempotency-Key": "two"})
        self.assertEqual(first.status, 200, first.body)
        self.assertEqual(first.json["grant"], again.json["grant"])
        self.assertEqual((other.status, other.json["code"]), (409, "claimed"))
        done = self.api.call("POST", f"/v1/requests/{request['id']}/outcome", {"status": "succeeded"})
        self.assertEqual((done.status, done.json["state"]), (200, "succeeded"))

    def test_TheCardIsClosedWhenItIsDecided(self):
        request = self.api.open()
        self.workspace.approve("amy", request["id"])
        self.api.reaches(request["id"], "approved")

        def closed():
            card = self.workspace.find_card(request["id"])
            return card and not any(b["type"] == "actions" for b in card["blocks"])
        wait_until("a card without buttons", closed, 10)

    def test_TheRequesterCannotApprove(self):
        request = self.api.open()
        self.assertTrue(self.workspace.approve("riley", request["id"])["acked"])
        self.assertTrue(self.workspace.ephemerals("riley") or wait_until(
            "riley being told", lambda: self.workspace.ephemerals("riley")))
        self.assertEqual(self.api.show(request["id"])["votes"], [])

    def test_WhoMayNotVoteIsToldPrivatelyAndChangesNothing(self):
        request = self.api.open()
        for who in ("dan", "guest", "stranger"):
            with self.subTest(who):
                clicked = self.workspace.approve(who, request["id"])
                self.assertTrue(clicked.get("acked"), clicked)
                wait_until(f"{who} being told", lambda: self.workspace.ephemerals(who))
        shown = self.api.show(request["id"])
        self.assertEqual((shown["state"], shown["votes"], shown["version"]), ("pending", [], 1))

    def test_ApprovingTwiceCountsOnce(self):
        request = self.api.open(**PRODUCTION)
        for _ in range(2):
            self.assertTrue(self.workspace.approve("amy", request["id"])["acked"])
        shown = self.api.show(request["id"])
        self.assertEqual([v["person"] for v in shown["votes"]], ["amy"])
        self.assertEqual(shown["version"], 2)

    def test_AClickAfterTheDecisionIsToldSo(self):
        request = self.api.open()
        card = self.workspace.card(request["id"])
        self.workspace.with_reason("amy", request["id"], "deny", "no")
        self.api.reaches(request["id"], "denied")
        before = len(self.workspace.ephemerals("ben"))
        clicked = self.workspace.click_on("ben", card, "approve")
        if clicked.get("acked"):  # else the card had lost its buttons already, which is as good
            wait_until("ben being told", lambda: len(self.workspace.ephemerals("ben")) > before)
        self.assertEqual(self.api.show(request["id"])["state"], "denied")

    def test_AHoldStopsTheDecisionUntilItIsReleased(self):
        request = self.api.open()
        self.workspace.with_reason("amy", request["id"], "hold", "which rows?")
        held = wait_until("the hold", lambda: self.api.show(request["id"])["held"])
        self.assertEqual((held["person"], held["reason"]), ("amy", "which rows?"))
        self.workspace.approve("ben", request["id"])
        self.assertEqual(self.api.show(request["id"])["state"], "pending")
        self.workspace.command("amy", f"release {request['number']}")
        self.api.reaches(request["id"], "approved")

    def test_TheSlashCommandAnswersForARequestThatIsNotThere(self):
        answer = self.workspace.command("amy", "approve 99999999")
        self.assertTrue(answer["acked"], answer)
        wait_until("amy being told", lambda: "99999999" in str(answer) or self.workspace.told("amy", "99999999"))

    def test_DevIsFree(self):
        self.assertEqual(self.api.open("db.export", environment="dev")["state"], "approved")

    def test_WhatPolicyRefusesReachesNobody(self):
        request = self.api.open("db.drop", environment="production")
        self.assertEqual(request["state"], "refused")
        self.assertIn("never dropped", request["reason"])
        self.assertIsNone(self.workspace.find_card(request["id"]))


class BadInput(DevTest):
    def refuse(self, body, status, headers=None):
        reply = self.api.call("POST", "/v1/requests", body, headers)
        self.assertEqual(reply.status, status, reply.body[:500])
        self.assertEqual(reply.headers["Content-Type"].split(";")[0], "application/problem+json")
        self.assertEqual(reply.json["status"], status)
        self.assertTrue(reply.json["detail"])
        return reply.json

    def test_AnUnknownFieldNamesTheNearestOne(self):
        problem = self.refuse({"action": "a.b", "enviroment": "production"}, 400)
        self.assertEqual(problem["pointer"], "/enviroment")
        self.assertIn("environment", problem["detail"])

    def test_AnIllTypedFieldIsPointedAt(self):
        self.assertEqual(self.refuse({"action": 7}, 400)["pointer"], "/action")
        self.assertEqual(self.refuse({"action": "a", "parameters": [1]}, 400)["pointer"], "/parameters")

    def test_TheActionMustBeThere(self):
        self.assertEqual(self.refuse({}, 400)["pointer"], "/action")

    def test_DuplicateNamesAreRefused(self):
        self.refuse(b'{"action":"a.b","parameters":{"rows":1,"rows":2}}', 400)

    def test_SixtyFiveLevelsAreTooMany(self):
        deep = b'{"action":"a.b","parameters":' + b'{"a":' * 65 + b"1" + b"}" * 65 + b"}"
        self.refuse(deep, 400)

    def test_WhatNestsDeepestCanBeReadByEveryVerb(self):
        deep = b'{"action":"deep.x","parameters":' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"}"
        reply = self.api.call("POST", "/v1/requests", deep)
        self.assertEqual(reply.status, 201, reply.body[:500])
        number = str(reply.json["number"])
        for verb in (["show", number], ["list"], ["events", "--all"], ["events", "--all", "--json"], ["history", number]):
            with self.subTest(verb):
                program = self.client.run(*verb)
                self.assertEqual(program.code, 0, program.text()[-500:])
        self.assertEqual(self.client.run("cancel", number).code, 0)

    def test_257KibOfParametersAreTooMuch(self):
        self.refuse({"action": "a.b", "parameters": {"x": "x" * (257 * 1024)}}, 413)

    def test_NumbersThatJsonCannotCarryAreRefused(self):
        self.refuse(b'{"action":"a.b","parameters":{"n":9007199254740993}}', 400)
        self.refuse(b'{"action":"a.b","parameters":{"n":1e999}}', 400)
        self.refuse(b'{"action":"a.b","intent":"\\ud800"}', 400)

    def test_CommitIsReserved(self):
        self.refuse({"action": "a.b", "parameters": {"x": {"$commit": "y"}}}, 400)

    def test_OnlyJsonIsRead(self):
        self.refuse(b"action=a", 415, {"Content-Type": "application/x-www-form-urlencoded"})

    def test_AKeyOfAnotherBodyIsAMismatch(self):
        headers = {"Idempotency-Key": "same"}
        self.assertEqual(self.api.call("POST", "/v1/requests", {"action": "a.b"}, headers).status, 201)
        self.assertEqual(self.api.call("POST", "/v1/requests", {"action": "a.b"}, {"Idempotency-Key": '"same"'}).status, 200)
        self.refuse({"action": "a.c"}, 422, headers)

    def test_TokensAreChecked(self):
        for token in ("", "csk_nonsense", self.api.token[:-1] + ("0" if self.api.token[-1] != "0" else "1")):
            reply = Api(self.api.url, token).call("GET", "/v1/requests")
            self.assertEqual(reply.status, 401, token)

    def test_ARequestThatIsNotThereIs404(self):
        reply = self.api.call("GET", "/v1/requests/req_01JD0000000000000000000000")
        self.assertEqual(reply.status, 404)


class CommandLine(DevTest):
    def run_it(self, *arguments, **more):
        return self.client.run("run", "--action", "deploy.api", *arguments, **more)

    def start_it(self, *arguments):
        run = self.client.start("run", "--action", "deploy.api", *arguments)
        return run, run.line(r"filed .*\((req_\w+)\)").group(1)

    def test_TheCommandsOwnExitCodeComesBack(self):
        run, request = self.start_it("--", "sh", "-c", "echo out; echo err >&2; exit 7")
        self.workspace.approve("amy", request)
        self.assertEqual(run.wait(), 7)
        self.assertEqual(run.out, ["out"])
        self.assertIn("err", run.err)
        self.assertEqual(self.api.show(request)["state"], "failed")

    def test_DeniedIs10(self):
        run, request = self.start_it("--", "echo", "ran")
        self.workspace.with_reason("cat", request, "deny", "too many rows")
        self.assertEqual(run.wait(), 10)
        self.assertNotIn("ran", run.out)
        self.assertIn("denied by cat: too many rows", run.text())

    def test_RefusedIs11(self):
        run = self.client.run("run", "--action", "db.drop", "--environment", "production", "--", "echo", "ran")
        self.assertEqual((run.code, run.out), (11, []))

    def test_ExpiredIs12(self):
        run = self.run_it("--expires-in", "1s", "--", "echo", "ran")
        self.assertEqual((run.code, run.out), (12, []))

    def test_CancelledIs13(self):
        run, request = self.start_it("--", "echo", "ran")
        self.assertEqual(self.client.run("cancel", request).code, 0)
        self.assertEqual((run.wait(), run.out), (13, []))

    def test_AnInterruptedRunCancelsItsRequest(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            run, request = self.start_it("--", "echo", "ran")
            run.line("waiting for")
            run.signal(number)
            self.assertEqual((run.wait(), run.out), (13, []))
            self.assertEqual(self.api.show(request)["state"], "cancelled")

    def test_WhatChangedSinceApprovalIsNotRun(self):
        plan = self.folder.write("plan.txt", "one")
        script = self.folder.write("job.sh", "#!/bin/sh\necho ran\n")
        os.chmod(script, 0o755)
        run, request = self.start_it("--attach", plan, "--", script)
        pathlib.Path(plan).write_text("two")
        self.workspace.approve("ben", request)
        self.assertEqual((run.wait(), run.out), (14, []))
        self.assertIn("plan.txt", run.text())
        run, request = self.start_it("--", script)
        pathlib.Path(script).write_text("#!/bin/sh\necho changed\n")
        self.workspace.approve("ben", request)
        self.assertEqual((run.wait(), run.out), (14, []))

    def test_AGrantThatSomebodyElseClaimedIs14(self):
        script = self.folder.write("slow.sh", "#!/bin/sh\necho ran\n")
        os.chmod(script, 0o755)
        run, request = self.start_it("--", script)
        run.line("waiting for")
        run.signal(signal.SIGSTOP)
        self.workspace.approve("ben", request)
        digest = self.api.reaches(request, "approved")["digest"]
        claimed = self.api.call("POST", f"/v1/requests/{request}/claim", {"digest": digest})
        self.assertEqual(claimed.status, 200, claimed.body)
        run.signal(signal.SIGCONT)
        self.assertEqual((run.wait(), run.out), (14, []))

    def test_AMissingCommandIs127AndBothersNobody(self):
        before = len(self.workspace.messages())
        run = self.run_it("--", "countersign-no-such-command")
        self.assertEqual(run.code, 127)
        self.assertIn("command not found", run.text())
        self.assertEqual(len(self.workspace.messages()), before)

    def test_ACommandKilledBySignalNIs128PlusN(self):
        run = self.client.run("run", "--action", "x", "--environment", "dev", "--", "sh", "-c", "kill -KILL $$")
        self.assertEqual(run.code, 137)

    def test_SignalsReachTheCommand(self):
        ready = os.path.join(self.folder.path, "ready")
        run = self.client.start("run", "--action", "x", "--environment", "dev", "--", "sh", "-c",
                                f"trap 'exit 5' TERM; touch {ready}; while :; do sleep 0.1; done")
        wait_until("the command", lambda: os.path.exists(ready))
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(), 5)

    def test_RunFilesExactlyWhatItRuns(self):
        run = self.client.start("run", "--action", "x", "--environment", "dev", "--env", "COUNTERSIGN_URL", "--",
                                "echo", "a b")
        self.assertEqual(run.wait(), 0)
        listed = self.client.run("list", "--action", "x", "--json", "--limit", "1")
        request = json.loads(listed.out[0])[0]
        shown = self.api.show(request["id"])["parameters"]
        self.assertEqual(shown["argv"], ["echo", "a b"])
        self.assertEqual(shown["cwd"], os.getcwd())
        self.assertEqual(shown["env"]["COUNTERSIGN_URL"], self.client.environment["COUNTERSIGN_URL"])
        self.assertEqual(shown["env"]["PATH"], SEARCH_PATH)
        self.assertEqual(shown["attachments"], {})
        self.assertRegex(shown["executable"]["sha256"], "^[0-9a-f]{64}$")

    def test_RequestAndWait(self):
        filed = self.client.run("request", "--action", "deploy.web")
        self.assertEqual(filed.code, 0)
        request = filed.out[0]
        wait = self.client.start("wait", request, "--json")
        self.workspace.approve("cat", request)
        self.assertEqual(wait.wait(), 0)
        self.assertIn('"state":"approved"', wait.out[0])
        self.assertEqual(self.client.run("cancel", request).code, 0)
        self.assertEqual(self.client.run("wait", request).code, 13)

    def test_ListAndShowArePrintedForPeople(self):
        request = self.api.open("deploy.shown", intent="because\u202e")
        shown = self.client.run("show", request["id"])
        self.assertIn(f"#{request['number']} deploy.shown", shown.out[0])
        self.assertNotIn("\u202e", shown.text())
        listed = self.client.run("list", "--state", "pending", "--action", "deploy.shown")
        self.assertIn(request["id"], listed.text())

    def test_HistoryTellsAllThatHappenedToARequest(self):
        request = self.api.open("deploy.told", intent="because\u202e")
        self.workspace.with_reason("amy", request["id"], "deny", "not tonight")
        self.api.reaches(request["id"], "denied")
        told = self.client.run("history", f"#{request['number']}")
        self.assertEqual(told.code, 0, told.text())
        self.assertRegex(told.text(), r"opened: because\\u\{202E")
        self.assertRegex(told.text(), r"T\S+Z  amy voted deny: not tonight")
        self.assertIn(f"/r/{request['id']}", told.out[-1])
        timeline = json.loads(self.client.run("history", request["id"], "--json").out[0])
        self.assertEqual([change["what"] for change in timeline], ["opened", "voted"])

    def test_EventsAreToldAndFollowed(self):
        first = self.api.open("deploy.followed")
        follower = self.client.start("events", "--follow", "--action", "deploy.followed")
        follower.line(rf"request\.created  #{first['number']} deploy\.followed")
        second = self.api.open("deploy.followed")
        follower.line(rf"request\.created  #{second['number']} deploy\.followed")
        follower.signal(signal.SIGINT)
        self.assertEqual(follower.wait(), 130)
        self.workspace.approve("cat", second["id"])
        self.api.reaches(second["id"], "approved")

        def approved():
            told = self.client.run("events", "--json", "--type", "request.approved", "--action", "deploy.followed")
            return [json.loads(line) for line in told.out]
        event = wait_until("the approval", approved)[0]
        self.assertEqual(event["type"], "countersign.request.approved")
        self.assertEqual(event["data"]["id"], second["id"])
        index = int(event["sequence"])
        after = self.client.run("events", "--json", "--after", str(index - 1), "--type", "request.approved")
        self.assertEqual(json.loads(after.out[0])["id"], event["id"])
        last = self.client.run("events", "--limit", "1")
        self.assertEqual(len(last.out), 1, last.text())

    def test_ForMeIsWhatTheTokensOwnerCouldApprove(self):
        made = self.client.run("token", "create", "--name", "cats", "--scope", "read", "--owner", "cat",
                               environment={"COUNTERSIGN_HOME": self.dev.home})
        self.assertEqual(made.code, 0, made.text())
        cat = {"COUNTERSIGN_TOKEN": made.out[0]}
        mine = self.api.open("deploy.forme")
        free = self.api.open("other.forme", environment="dev")
        listed = self.client.run("list", "--state", "pending", "--for", "me", environment=cat)
        self.assertEqual(listed.code, 0, listed.text())
        self.assertIn(mine["id"], listed.text())
        self.assertNotIn(free["id"], listed.text())
        self.workspace.approve("cat", mine["id"])
        again = self.client.run("list", "--for", "me", "--action", "deploy.forme", environment=cat)
        self.assertNotIn(mine["id"], again.text())

    def test_WhoIsNobodyIsAUsageErrorThatSaysWhoWasMeant(self):
        home = {"COUNTERSIGN_HOME": self.dev.home}
        for who, meant in (("riley@sim.example", "email:riley@sim.example"), ("rilye", "riley"),
                           ("slack:T0SIM/u0riley", "slack:T0SIM/U0RILEY"), ("slack:T0SIM/U0RILEY ", "slack:T0SIM/U0RILEY")):
            for arguments in (["request", "--action", "deploy.x", "--on-behalf-of", who],
                              ["run", "--action", "deploy.x", "--on-behalf-of", who, "--", "true"],
                              ["token", "create", "--name", "x", "--scope", "request", "--owner", who]):
                with self.subTest(arguments):
                    told = self.client.run(*arguments, environment=home)
                    self.assertEqual(told.code, 2, told.text())
                    self.assertIn(f'did you mean "{meant}"?', told.text())

    def test_DevListensOnThisMachineAlone(self):
        for arguments in (["dev", "--listen", "0.0.0.0:0"], ["dev", "--listen", ":0"], ["dev", "--workspace", "[::]:0"],
                          ["dev", "--workspace", "example.com:0"], ["sandbox", "--listen", "192.0.2.1:0"]):
            with self.subTest(arguments):
                told = self.client.run(*arguments)
                self.assertEqual(told.code, 2, told.text())
                self.assertIn("--unsafe-listen", told.text())
        open_to_all = Program(["sandbox", "--listen", "0.0.0.0:0", "--unsafe-listen"])
        self.assertTrue(open_to_all.line(r"^workspace\s+(\S+)"))
        open_to_all.stop()

    def test_UsageErrorsAre2(self):
        for arguments in (["run", "--", "true"], ["wait"], ["wait", "nonsense"], ["nonsense"], ["run", "--action", "x"],
                          ["request", "--action", "NOT VALID"], ["show", "req_01JD0000000000000000000000"]):
            with self.subTest(arguments):
                self.assertEqual(self.client.run(*arguments).code, 2)

    def test_AnUnreachableServerIs20(self):
        environment = {"COUNTERSIGN_URL": "http://127.0.0.1:9"}
        run = self.client.run("run", "--action", "x", "--unreachable-after", "1s", "--", "true", environment=environment)
        self.assertEqual(run.code, 20)
        self.assertIn("cannot reach", run.text())

    def test_EveryVerbHasHelpWithAnExample(self):
        for verb in (["serve"], ["dev"], ["migrate"], ["token", "create"], ["token", "list"], ["token", "revoke"],
                     ["request"], ["wait"], ["show"], ["list"], ["cancel"], ["run"], ["policy", "check"]):
            with self.subTest(verb):
                helped = self.client.run(*verb, "--help")
                self.assertEqual(helped.code, 0)
                self.assertIn("countersign " + " ".join(verb), helped.text())


class TwoOfThem(DevTest):
    def test_ASecondDevOnTheFolderSaysSoAndStops(self):
        second = Program(["dev", "--listen", "127.0.0.1:0", "--workspace", "127.0.0.1:0"],
                         {"COUNTERSIGN_HOME": self.dev.home})
        self.assertEqual(second.wait(), 2)
        self.assertIn("already", second.text())

    def test_ThePortInUseIsNamed(self):
        other = TempFolder()
        try:
            taken = self.api.url.removeprefix("http://")
            second = Program(["dev", "--listen", taken, "--workspace", "127.0.0.1:0"], {"COUNTERSIGN_HOME": other.path})
            self.assertNotEqual(second.wait(), 0)
            self.assertIn(taken, second.text())
        finally:
            other.remove()

    def test_TheTokenIsForItsOwnerAlone(self):
        self.assertEqual(os.stat(os.path.join(self.dev.home, "token")).st_mode & 0o777, 0o600)

    def test_ThePolicyOfTheFolderIsReloadedAllOrNothing(self):
        policy = pathlib.Path(self.dev.home, "policy.yaml")
        good = policy.read_text()
        self.assertEqual(self.api.open("db.export", environment="dev")["state"], "approved")
        policy.write_text(good.replace("dev is free", "dev is free\n    whenn: {}\n#"))
        self.dev.program.signal(signal.SIGHUP)
        self.dev.program.line("policy not reloaded")
        self.assertEqual(self.api.open("db.export", environment="dev")["state"], "approved")
        policy.write_text(good.replace("environment: [dev, sandbox]", "environment: [sandbox]"))
        self.dev.program.signal(signal.SIGHUP)
        self.dev.program.line("policy reloaded")
        self.assertEqual(self.api.open("db.export", environment="dev")["state"], "pending")


class Restarted(unittest.TestCase):
    def test_WhatIsPendingIsShownAgainAfterARestart(self):
        folder = TempFolder()
        self.addCleanup(folder.remove)
        dev = Dev(folder.path)
        pending = dev.api.open(**PRODUCTION)
        other = dev.api.open(**{**PRODUCTION, "parameters": {"rows": 7}})
        for request in (pending, other):
            dev.workspace.card(request["id"])
        self.assertEqual(dev.stop(), 0)
        dev = Dev(folder.path)
        self.addCleanup(lambda: dev.program.running() and dev.program.kill())
        for request in (pending, other):
            dev.workspace.card(request["id"])
        for who in ("amy", "ben", "cat"):
            clicked = dev.workspace.approve(who, pending["id"])
            self.assertTrue(clicked["acked"], (who, clicked, dev.program.text()[-1500:]))
        dev.api.reaches(pending["id"], "approved")
        cards = [m for m in dev.workspace.messages() if m.get("thread_ts") in (None, m["ts"])
                 and m.get("metadata", {}).get("event_payload", {}).get("request_id") == pending["id"]]
        self.assertEqual(len(cards), 1)
        self.assertEqual(dev.stop(), 0)


if __name__ == "__main__":
    unittest.main()
