"""`serve` with each of its dependencies in a process of its own, and what happens when one is missing."""
import json
import pathlib
import re
import signal
import subprocess
import time
import unittest

from process import Api, Parts, Program, http, wait_until


class PartsTest(unittest.TestCase):
    def setUp(self):
        Parts.of(self)


class Lifecycle(PartsTest):
    def test_ItDumpsNoCoreAndNobodyElseReadsItsMemory(self):
        self.parts.start()
        limits = pathlib.Path(f"/proc/{self.parts.server.child.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size\s+0\s+0\s")

    def test_SigtermDrainsWithinTenSeconds(self):
        self.parts.start()
        request = self.parts.api.open()
        waiting = self.parts.client.start("wait", request["id"])
        waiting.line("waiting for")
        begun = time.monotonic()
        self.parts.server.signal(signal.SIGTERM)
        self.assertEqual(self.parts.server.wait(12), 0, self.parts.server.text()[-2000:])
        self.assertLess(time.monotonic() - begun, 10)
        waiting.line("trying again")
        self.parts.start_server()
        self.parts.workspace.approve("amy", request["id"])
        self.assertEqual(waiting.wait(), 0)

    def test_ARunSurvivesARestartOfTheServer(self):
        self.parts.start()
        run = self.parts.client.start("run", "--action", "deploy.api", "--", "echo", "ran")
        request = run.line(r"filed .*\((req_\w+)\)").group(1)
        self.parts.workspace.card(request)
        self.parts.server.kill()
        run.line("trying again")
        self.parts.start_server()
        self.assertTrue(self.parts.workspace.approve("amy", request)["acked"])
        self.assertEqual((run.wait(), run.out), (0, ["ran"]))

    def test_WhatPeopleDoIsMeasuredAndWhatSlackSaysOfItselfIsNot(self):
        self.parts.start()
        measured = lambda: sum(float(count) for count in re.findall(
            r'^countersign_acknowledge_seconds_count\{chat="slack"\} (\S+)',
            http("GET", self.parts.url + "/metrics").body, re.M))
        self.parts.workspace.control("groups", {"id": "S0SEC", "users": ["U0AMY", "U0BEN"]})  # an event
        request = self.parts.api.open()
        self.parts.workspace.card(request["id"])
        self.assertEqual(measured(), 0)
        self.parts.workspace.approve("amy", request["id"])
        wait_until("the click", lambda: measured() == 1)
        self.parts.workspace.command("amy", "help")
        wait_until("the command", lambda: measured() == 2)

    def test_TwoReplicasShareTheWork(self):
        self.parts.start()
        first, self.parts.port = self.parts.server, 0
        self.parts.start_server()
        try:
            request = self.parts.api.open()
            waiting = self.parts.client.start("wait", request["id"])
            other = Api(self.parts.url, self.parts.api.token)
            self.parts.workspace.approve("amy", request["id"])
            other.reaches(request["id"], "approved")
            self.assertEqual(waiting.wait(), 0)
        finally:
            first.kill()


class Dependencies(PartsTest):
    def test_ADatabaseThatComesLaterIsWaitedFor(self):
        self.parts.start_postgres()
        self.parts.migrate()
        self.parts.start_sandbox()
        self.parts.postgres.stop()
        self.parts.start_server(wait_ready=False)
        api = Api(self.parts.url, "")
        reply = wait_until("an answer of /readyz", api.ready)
        self.assertEqual(reply.status, 503)
        self.assertIn("database", reply.body)
        self.assertEqual(http("GET", self.parts.url + "/healthz").status, 200)
        self.parts.start_postgres()
        self.parts.wait_ready()

    def test_ADatabaseThatGoesIsToldAndComesBack(self):
        self.parts.start()
        request = self.parts.api.open()
        self.parts.postgres.stop()
        reply = self.parts.api.call("POST", "/v1/requests", {"action": "deploy.api"})
        self.assertEqual(reply.status, 503, reply.body)
        wait_until("/readyz saying so", lambda: self.parts.api.ready().status == 503)
        clicked = self.parts.workspace.approve("amy", request["id"])
        self.parts.start_postgres()
        self.parts.wait_ready()
        shown = self.parts.api.show(request["id"])
        if shown["votes"]:
            self.assertTrue(clicked["acked"])
        else:
            self.parts.workspace.approve("ben", request["id"])
        self.parts.api.reaches(request["id"], "approved")

    def test_AnOldSchemaIsToldWithTheCommandThatMendsIt(self):
        self.parts.start_postgres()
        self.parts.start_sandbox()
        self.parts.start_server(wait_ready=False)
        api = Api(self.parts.url, "")
        wait_until("/readyz naming the command",
                   lambda: "countersign migrate" in (api.ready().body if api.ready() else ""))
        self.assertEqual(api.ready().status, 503)
        status = self.parts.verb("migrate", "--status")
        self.assertEqual(status.code, 1)
        self.assertIn("pending", status.text())
        self.parts.migrate()
        self.parts.wait_ready()
        self.assertEqual(self.parts.verb("migrate", "--status").code, 0)

    def test_SeveralMigrateAtOnce(self):
        self.parts.start_postgres()
        programs = [Program(["migrate"], self.parts.environment) for _ in range(4)]
        self.assertEqual([p.wait() for p in programs], [0, 0, 0, 0], programs[0].text())

    def test_AnEditedMigrationIsRefused(self):
        self.parts.start_postgres()
        self.parts.migrate()
        edited = self.psql("UPDATE schema_migration SET checksum = checksum_of_something_else")
        self.assertEqual(edited.returncode, 0, edited.stderr)
        refused = self.parts.verb("migrate")
        self.assertEqual(refused.code, 1)
        self.assertIn("0001", refused.text())

    def psql(self, statement):
        if "checksum_of_something_else" in statement:
            kind = self.psql("SELECT data_type FROM information_schema.columns WHERE table_name = 'schema_migration' "
                             "AND column_name = 'checksum'").stdout
            other = "'\\x00'::bytea" if "bytea" in kind else "repeat('0', 64)"
            statement = statement.replace("checksum_of_something_else", other)
        return subprocess.run(["psql", "-X", "-At", self.parts.environment["COUNTERSIGN_DATABASE"], "-c", statement],
                              capture_output=True, text=True)

    def test_AWrongSlackTokenIsNamedInReadyz(self):
        self.parts.start_postgres()
        self.parts.start_sandbox()
        self.parts.environment["COUNTERSIGN_SLACK_BOT_TOKEN"] = "xoxb-wrong"
        self.parts.migrate()
        self.parts.start_server(wait_ready=False)
        api = Api(self.parts.url, "")
        wait_until("/readyz naming the token", lambda: "bot_token" in (api.ready().body if api.ready() else ""))
        self.assertNotIn("xoxb-wrong", self.parts.server.text() + api.ready().body)


class Configuration(PartsTest):
    def serve(self, **environment):
        program = Program(["serve"], {**self.parts.environment, "COUNTERSIGN_DATABASE": "postgresql:///x",
                                      "COUNTERSIGN_LISTEN": "127.0.0.1:0", **environment})
        program.code = program.wait()
        return program

    def test_AMissingTokenSaysWhereToGetIt(self):
        program = self.serve(COUNTERSIGN_SLACK_APP_TOKEN="")
        self.assertEqual(program.code, 2)
        self.assertIn("slack.app_token", program.text())
        self.assertIn("connections:write", program.text())

    def test_WithoutKeysServeSaysHowToMakeThem(self):
        program = self.serve(COUNTERSIGN_KEYS=self.folder.path + "/none")
        self.assertEqual(program.code, 2)
        self.assertIn("countersign keys create", program.text())

    def test_AKeyGivenInsteadOfItsPathIsNotShown(self):
        key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        program = self.serve(COUNTERSIGN_SERVER_KEY=key)
        self.assertEqual(program.code, 2)
        self.assertIn("must be the path of a file", program.text())
        self.assertNotIn(key, program.text())

    def test_NoChatIsNeededToServe(self):
        self.parts.environment["COUNTERSIGN_SLACK_APP_TOKEN"] = self.parts.environment["COUNTERSIGN_SLACK_BOT_TOKEN"] = ""
        self.parts.start_postgres()
        self.parts.migrate()
        token = self.parts.make_token()
        self.parts.start_server()
        api = Api(self.parts.url, token)
        ready = api.ready()
        self.assertEqual(ready.status, 200)
        self.assertIn("nobody is shown what waits", json.dumps(ready.json["warnings"]))
        # Whoever asks is told that nobody is asked, and at once.
        request = api.open("deploy.web")
        self.assertEqual(request["state"], "pending")
        self.assertIn("no chat is set up", request["unannounced"][0]["problem"])
        self.assertEqual(api.show(request["id"])["unannounced"], request["unannounced"])

    def test_AnUnknownKeyIsPlaced(self):
        path = self.folder.write("countersign.yaml", "slack:\n  app_tokn: x\n")
        program = Program(["serve", "--config", path])
        self.assertEqual(program.wait(), 2)
        self.assertIn(f"{path}:2:3: unknown key 'slack.app_tokn'; did you mean 'slack.app_token'?", program.text())

    def test_APolicyTypoIsPlaced(self):
        path = self.folder.write("policy.yaml", "version: 1\nrules:\n  - name: x\n    whne: { action: a }\n    allow: true\n")
        program = self.serve(COUNTERSIGN_POLICY=path)
        self.assertEqual(program.code, 2)
        self.assertRegex(program.text(), r"policy\.yaml:4:5: error: .*when")
        checked = Program(["policy", "check", path])
        self.assertEqual(checked.wait(), 1)
        self.assertRegex(checked.text(), r"policy\.yaml:4:5: error: .*when")

    def test_ThePortInUseIsNamed(self):
        self.parts.start_postgres()
        self.parts.start_sandbox()
        taken = self.parts.workspace.url.removeprefix("http://")
        program = Program(["serve"], {**self.parts.environment, "COUNTERSIGN_LISTEN": taken})
        self.assertNotEqual(program.wait(), 0)
        self.assertIn(taken, program.text())
        self.assertIn("COUNTERSIGN_LISTEN", program.text())

    def test_NothingMatchingIsRefusedByDefault(self):
        path = self.folder.write("policy.yaml", "version: 1\nrules:\n  - name: x\n    when: { action: a.b }\n    allow: true\n")
        self.parts.policy = self.parts.environment["COUNTERSIGN_POLICY"] = path
        self.parts.start()
        self.assertEqual(self.parts.api.open("a.c")["state"], "refused")
        self.assertEqual(self.parts.api.open("a.b")["state"], "approved")

    def test_TokensAreMadeListedAndRevoked(self):
        self.parts.start()
        token = self.parts.make_token("--allow-action", "deploy.*", "--expires-in", "1d")
        narrow = Api(self.parts.url, token)
        self.assertEqual(narrow.open("deploy.api")["state"], "pending")
        self.assertEqual(narrow.call("POST", "/v1/requests", {"action": "db.export"}).status, 403)
        listed = self.parts.verb("token", "list", "--json")
        self.assertNotIn(token, listed.text())
        row = [t for t in json.loads(listed.out[0]) if t["hint"] == token[-4:]][0]
        self.assertEqual(self.parts.verb("token", "revoke", row["id"]).code, 0)
        wait_until("the token being refused", lambda: narrow.call("GET", "/v1/requests").status == 401, 5)


if __name__ == "__main__":
    unittest.main()
