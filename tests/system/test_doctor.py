"""`countersign doctor` and `serve --check`: what is wrong is named, with what to do about it, before anybody relies on it."""
import json
import os
import re
import socket
import subprocess
import time
import unittest

from pagerduty import PagerDuty
from process import Parts

NAMES = ["configuration", "policy", "keys", "tls", "watchdog", "database.reachable", "database.version",
         "database.writable", "database.schema", "database.durable", "database.connections", "database.role", "clock",
         "slack.bot_token", "slack.scopes", "slack.sockets", "slack.channels", "slack.groups", "slack.people", "approvers"]
POLICY = """
version: 1
people:
  amy: { slack: U0AMY }
  ghost: { slack: U0GHOST }
  guest: { slack: U0GUEST }
  gone: { slack: U0GONE }
  nobody: { email: nobody@example.com }
groups:
  reviewers: { people: [amy, nobody] }
  lost: { people: [nobody] }
  none: { slack_usergroup: S0NONE }
rules:
  - { name: deploys, when: { action: "deploy.*" }, require: { count: 1, of: reviewers }, notify: { slack: "#nowhere" } }
  - { name: others, when: { action: "other.*" }, require: { any: [ { count: 1, of: lost }, { count: 1, of: none } ] } }
"""

IN_TEAMS = """
version: 1
people:
  amy: { teams: 00000000-0000-4000-8000-0000000000a1 }
  ben: { teams: 00000000-0000-4000-8000-0000000000b2 }
  ghost: { teams: 00000000-0000-4000-8000-000000000099 }
  guest: { teams: 00000000-0000-4000-8000-0000000000f6 }
groups:
  reviewers: { people: [amy, ben, ghost, guest] }
  ops: { teams_channel: "19:ops@thread.v2" }
rules:
  - { name: deploys, when: { action: "deploy.*" }, require: { count: 1, of: reviewers }, notify: { teams: "19:nowhere@thread.tacv2" } }
  - { name: others, when: { action: "other.*" }, require: { count: 1, of: ops } }
"""


ON_CALL = """
version: 1
people:
  amy: { slack: U0AMY, pagerduty: PUAMY }
  ghost: { email: ghost@example.com, pagerduty: PUGHOST }
groups:
  primary: { on_call: PABC123 }
rules:
  - { name: restarts, when: { action: restart }, require: { count: 1, of: primary } }
"""

SIGN_IN = """
version: 1
people:
  amy: { slack: U0AMY, oidc: "https://login.example.com|1" }
  ben: { slack: U0BEN, oidc: "https://login.example.com|2" }
groups:
  reviewers: { people: [amy, ben] }
rules:
  - { name: by hand, when: { action: drop }, require: { count: 1, of: reviewers }, step_up: oidc }
"""


class DoctorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Parts.of(cls).prepare()
        cls.parts.workspace.control("limits", {"limits": "off"})  # every look asks for all channels
        cls.environment = dict(cls.parts.environment)

    def setUp(self):
        self.parts.environment = dict(self.environment)

    def look(self, *words, **variables):
        """Checks by name; `code` and `took` stand beside."""
        self.parts.environment.update({f"COUNTERSIGN_{name}": value for name, value in variables.items()})
        begun = time.monotonic()
        done = self.parts.verb("doctor", "--json", *words)
        self.took = time.monotonic() - begun
        self.assertEqual(done.err, [])
        document = json.loads(done.out[0])
        self.assertEqual(done.code, 0 if document["ok"] else 1)
        self.assertEqual(document["ok"], not any(each["state"] == "failed" for each in document["checks"]))
        for each in document["checks"]:
            self.assertEqual(sorted(each), ["detail", "fix", "name", "state"])
            self.assertEqual(bool(each["fix"]), each["state"] != "ok", each)
        return {each["name"]: each for each in document["checks"]}

    def is_wrong(self, checks, name, pattern, state="failed"):
        self.assertEqual(checks[name]["state"], state, checks[name])
        self.assertRegex(checks[name]["detail"], pattern)


class Doctor(DoctorTest):
    def test_AWellInstallationHasAllItsRowsWithinThreeSeconds(self):
        checks = self.look()
        self.assertEqual(list(checks), NAMES)
        self.assertEqual({name for name, each in checks.items() if each["state"] != "ok"}, {"database.role"})
        self.assertLess(self.took, 9)  # three seconds on a machine that does nothing else

    def test_PeopleAreShownATableWithWhatToDo(self):
        shown = self.parts.verb("doctor")
        self.assertEqual(shown.code, 0)
        self.assertRegex(shown.text(), r"ok +slack\.scopes +all that is needed")
        self.assertRegex(shown.text(), r"warning +database\.role .*\n +→ give the server a role of its own")

    def test_WhatThePolicyNamesIsLookedFor(self):
        checks = self.look(POLICY=self.folder.write("named.yaml", POLICY))
        self.is_wrong(checks, "slack.channels", "#nowhere is not there")
        self.is_wrong(checks, "slack.groups", "S0NONE is no user group")
        self.is_wrong(checks, "slack.people", r"ghost \(U0GHOST\) is nobody here; guest \(U0GUEST\) is guest; gone \(U0GONE\) is deleted")
        self.is_wrong(checks, "approvers.reviewers", "1 of 2 .*nobody", "warning")
        self.is_wrong(checks, "approvers.lost", "1 of 1 .*nobody")

    def test_AProcessThatWouldHangForEverIsAWarning(self):
        self.assertRegex(self.look()["watchdog"]["detail"], "ends after 5s; one that is stopped as a whole does not")
        self.is_wrong(self.look(WATCHDOG="off"), "watchdog", "what people click there is lost", "warning")

    def test_WhoIsOnCallWithoutAnAccountToVoteWithIsNamed(self):
        service = PagerDuty()
        self.addCleanup(service.stop)
        service.users = ["PUAMY", "PUGHOST", "PUDESK"]
        policy = self.folder.write("on_call.yaml", ON_CALL)
        answers = {"POLICY": policy, "ON_CALL_URL": service.url, "ON_CALL_TOKEN": "u+key"}
        self.is_wrong(self.look(**answers), "on_call.primary",
                      "2 of 3 on call for primary cannot vote: PUDESK, who is nobody of `people`; "
                      "ghost, who has no account in a chat", "warning")
        service.users = ["PUGHOST"]
        self.is_wrong(self.look(**answers), "on_call.primary", "1 of 1 on call for primary cannot vote")
        service.users = []
        self.is_wrong(self.look(**answers), "on_call.primary", "nobody is on call for primary", "warning")
        service.users = ["PUAMY"]
        self.assertEqual(self.look(**answers)["on_call.primary"]["state"], "ok")
        service.status = 401
        self.is_wrong(self.look(**answers), "on_call.primary", "refuses the API key")
        self.is_wrong(self.look(**{**answers, "ON_CALL_TOKEN": ""}), "on_call.primary", "`on_call.token` is not set")

    def test_ASignInWithoutAProviderIsNamed(self):
        policy = self.folder.write("sign_in.yaml", SIGN_IN)
        self.is_wrong(self.look(POLICY=policy), "sign_in", "no OpenID provider is set.*: by hand$")
        done = self.parts.verb("policy", "check", "--online", policy)
        self.assertEqual(done.code, 1)
        self.assertRegex(done.text(), "error: sign_in: .*nobody can approve what these rules match: by hand")
        self.assertNotIn("no OpenID provider", self.parts.verb("policy", "check", policy).text(), "it cannot know")
        checks = self.look(IDENTITY_LOGIN_ISSUER="https://login.example.com", IDENTITY_LOGIN_CLIENT_ID="c")
        self.assertEqual(checks["sign_in"]["state"], "ok")

    def test_APolicyIsCheckedAgainstTheChatsBeforeItIsLoaded(self):
        file = self.folder.write("online.yaml", "# S0NONE is in a comment\n" + POLICY)
        self.assertNotIn("S0NONE is no", self.parts.verb("policy", "check", file).text())
        done = self.parts.verb("policy", "check", "--online", file)
        self.assertEqual(done.code, 1)
        lines = ("# S0NONE is in a comment\n" + POLICY).splitlines()
        for name, what in (("S0NONE", "is no user group"), ("#nowhere", "is not there"), ("U0GHOST", "is nobody here"),
                           ("U0GUEST", "is guest"), ("U0GONE", "is deleted")):
            number, line = next((i, each) for i, each in enumerate(lines, 1) if name in each and not each.startswith("#"))
            self.assertRegex(done.text(), rf"(?m)^{file}:{number}:{line.index(name) + 1}: error: .*{what}")

    def test_APolicyWhoseNamesAllExistIsWellOnline(self):
        done = self.parts.verb("policy", "check", "--online", self.environment["COUNTERSIGN_POLICY"])
        self.assertNotRegex(done.text(), "error")
        self.assertEqual(done.code, 0)

    def test_OnlineWithoutAChatSaysWhatToGive(self):
        self.parts.environment.update(COUNTERSIGN_SLACK_APP_TOKEN="", COUNTERSIGN_SLACK_BOT_TOKEN="")
        done = self.parts.verb("policy", "check", "--online", self.environment["COUNTERSIGN_POLICY"])
        self.assertNotEqual(done.code, 0)
        self.assertRegex("\n".join(done.err), "no chat is configured: give the server's --config FILE")

    def test_AChannelThatTheBotCannotPostToIsNamed(self):
        self.parts.workspace.control("channels", {"id": "C0ELSE", "name": "elsewhere", "members": ["U0AMY"]})
        self.is_wrong(self.look(SLACK_CHANNEL="#elsewhere"), "slack.channels", "the bot is not in #elsewhere")
        self.parts.workspace.control("channels", {"id": "C0OLD", "name": "old", "members": ["U0BOT"], "is_archived": True})
        self.is_wrong(self.look(SLACK_CHANNEL="C0OLD"), "slack.channels", "C0OLD is archived")

    def test_MissingScopesAreNamed(self):
        before = self.parts.workspace.control("state")["scopes"]
        self.addCleanup(self.parts.workspace.control, "scopes", {"scopes": before})
        self.parts.workspace.control("scopes", {"scopes": [each for each in before if each != "commands"]})
        self.is_wrong(self.look(), "slack.scopes", "commands")

    def test_WrongTokensAreNamed(self):
        self.is_wrong(self.look(SLACK_BOT_TOKEN="xoxb-wrong"), "slack.bot_token", "slack.bot_token: Slack says invalid_auth")
        self.parts.environment = dict(self.environment)
        self.is_wrong(self.look(SLACK_APP_TOKEN="xapp-wrong"), "slack.sockets", "slack.app_token")
        self.parts.environment = dict(self.environment)
        self.is_wrong(self.look(SLACK_BOT_TOKEN="xapp-swapped"), "slack.tokens", "another kind of token")

    def test_ADatabaseThatIsAwayIsNamedAndTheRestIsLookedAt(self):
        checks = self.look(DATABASE="postgresql://127.0.0.1:1/none")
        self.is_wrong(checks, "database.reachable", "refused")
        self.assertEqual(checks["slack.people"]["state"], "ok")

    def test_SilentDependenciesTakeThreeSecondsAtMost(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(50)
            port = silent.getsockname()[1]
            checks = self.look(DATABASE=f"postgresql://127.0.0.1:{port}/none", SLACK_API_URL=f"http://127.0.0.1:{port}/api/")
        self.assertEqual(checks["database.reachable"]["state"], "failed")
        self.assertEqual(checks["slack.bot_token"]["state"], "failed")
        self.assertLess(self.took, 9)  # three seconds on a machine that does nothing else

    def test_WhatACrashWouldLoseIsNamed(self):
        self.parts.sql("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
        self.addCleanup(self.parts.sql, "ALTER ROLE CURRENT_USER RESET synchronous_commit")
        self.is_wrong(self.look(), "database.durable", "synchronous_commit is off")

    def test_AStandbyThatNobodyWaitsForIsAWarning(self):
        self.assertIn("no standby is asked for", self.look()["database.durable"]["detail"])
        uri = self.environment["COUNTERSIGN_DATABASE"]
        twice = re.sub(r"host='([^']+)'", r"host='\1,\1'", uri)
        self.assertNotEqual(twice, uri)
        checks = self.look(DATABASE=twice)
        self.assertEqual(checks["database.durable"]["state"], "warning", checks)
        self.assertIn("synchronous_standby_names is empty", checks["database.durable"]["detail"])
        self.assertIn("after a failover", checks["database.durable"]["detail"])
        self.assertIn("synchronous_standby_names", checks["database.durable"]["fix"])

    def test_AReadOnlyDatabaseIsNamed(self):
        self.parts.sql("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")
        self.addCleanup(self.parts.sql, 
                        "BEGIN READ WRITE; ALTER ROLE CURRENT_USER RESET default_transaction_read_only; COMMIT")
        self.is_wrong(self.look(), "database.writable", "read-only")

    def test_TooFewConnectionsAreNamed(self):
        self.is_wrong(self.look(DATABASE_POOL="150"), "database.connections", "each replica takes 152")

    def test_AnEmptyDatabaseNeedsMigrate(self):
        self.parts.sql("CREATE DATABASE empty")
        self.addCleanup(lambda: (self.setUp(), self.parts.sql("DROP DATABASE empty")))
        uri = " ".join("dbname=empty" if word.startswith("dbname=") else word for word in self.environment["COUNTERSIGN_DATABASE"].split())
        checks = self.look(DATABASE=uri)
        self.is_wrong(checks, "database.schema", "not applied")
        self.assertIn("countersign migrate", checks["database.schema"]["fix"])

    def of_teams(self, **more):
        url = self.parts.workspace.url
        return {"TEAMS_APP_ID": "00000000-0000-4000-8000-000000000b07", "TEAMS_TENANT": "00000000-0000-4000-8000-00000000051a",
                "TEAMS_APP_PASSWORD": self.parts.teams_password, "TEAMS_LOGIN_URL": url + "/teams/login",
                "TEAMS_OPENID_METADATA_URL": url + "/teams/v1/.well-known/openidconfiguration",
                "TEAMS_SERVICE_URL_ALLOW": url + "/teams/connector/", "TEAMS_CHANNEL": "19:approvals@thread.tacv2",
                "PUBLIC_URL": "http://127.0.0.1:8480", **more}

    def test_TeamsIsAskedForItsToken(self):
        checks = self.look(**self.of_teams())
        for name in ("credentials", "keys", "installed", "people", "reachable"):
            self.assertEqual(checks[f"teams.{name}"]["state"], "ok", checks)
        self.is_wrong(checks, "teams.endpoint", "no https address")
        checks = self.look(**self.of_teams(TEAMS_APP_PASSWORD="wrong", PUBLIC_URL="https://127.0.0.1:1",
                                           TEAMS_OPENID_METADATA_URL=self.parts.workspace.url + "/nothing"))
        self.is_wrong(checks, "teams.credentials", r"teams\.app_password|secret")
        self.is_wrong(checks, "teams.keys", "404")
        self.is_wrong(checks, "teams.endpoint", "https://127.0.0.1:1/api/messages", "warning")
        self.assertNotIn("teams.people", checks)

    def test_WhatThePolicyNamesInTeamsIsLookedFor(self):
        self.parts.workspace.control("teams/install", {"conversation": "19:ops@thread.v2", "installed": False})
        self.addCleanup(self.parts.workspace.control, "teams/install", {"conversation": "19:ops@thread.v2", "installed": True})
        self.parts.workspace.control("teams/users", {"name": "ben", "installed": False})
        self.addCleanup(self.parts.workspace.control, "teams/users", {"name": "ben", "installed": True})
        checks = self.look(**self.of_teams(POLICY=self.folder.write("in_teams.yaml", IN_TEAMS)))
        self.is_wrong(checks, "teams.installed", r"^19:nowhere@thread\.tacv2 is no conversation.*; 19:ops@thread\.v2 is without the app$")
        self.is_wrong(checks, "teams.people", r"^ghost \(\S+99\) is in none of these conversations; guest \(\S+f6\) is guest$")
        self.is_wrong(checks, "teams.reachable", "^ben has not added the app$", "warning")

    def test_AConnectorThatIsNotReachedIsNamed(self):
        checks = self.look(**self.of_teams(TEAMS_SERVICE_URL_ALLOW="http://127.0.0.1:1/"))
        self.is_wrong(checks, "teams.installed", "127.0.0.1:1")
        self.assertIn("teams.service_url_allow", checks["teams.installed"]["fix"])

    def test_MissingKeysAndBadPoliciesAndUnknownSettingsAreNamed(self):
        self.is_wrong(self.look(KEYS=os.path.join(self.folder.path, "none")), "keys", "keys")
        self.parts.environment = dict(self.environment)
        self.is_wrong(self.look(POLICY=self.folder.write("bad.yaml", "version: 1\nrulez: []\n")), "policy", "bad.yaml:2:1")
        self.parts.environment = dict(self.environment)
        self.is_wrong(self.look("--config", self.folder.write("bad_settings.yaml", "lissten: x\n")), "configuration", "did you mean")

    def test_NoSecretIsShown(self):
        self.parts.environment["COUNTERSIGN_SLACK_BOT_TOKEN"] = "xoxb-hush-hush"
        self.assertNotIn("hush", self.parts.verb("doctor").text())


class SlackNames(DoctorTest):
    def find(self, *words, code=0):
        done = self.parts.verb("slack", *words)
        self.assertEqual(done.code, code, done.text())
        return done

    def test_IdsAreFoundByNames(self):
        self.assertRegex(self.find("users", "amy").text(), r"U0AMY +amy +.*member")
        self.assertEqual(len(self.find("users", "@AMY").out), 2, "a heading, and her")
        self.assertRegex(self.find("users", "guest").text(), r"U0GUEST +.*guest")
        self.assertRegex(self.find("groups").text(), r"S0SEC +security +.*enabled")
        self.assertIn("U0RILEY", self.find("users").text())
        found = json.loads(self.find("groups", "SEC", "--json").out[0])
        self.assertEqual([(each["id"], each["handle"], each["state"]) for each in found], [("S0SEC", "security", "enabled")])

    def test_NothingFoundAndNoTokenAreSaid(self):
        self.assertIn('no user of this workspace has "zzz"', self.find("users", "zzz", code=1).text())
        self.assertEqual(json.loads(self.find("groups", "zzz", "--json", code=1).out[0]), [])
        self.parts.environment["COUNTERSIGN_SLACK_BOT_TOKEN"] = "xoxb-wrong"
        self.assertIn("invalid_auth", self.find("users", code=1).text())


class Check(DoctorTest):
    def check(self, **variables):
        self.parts.environment.update({f"COUNTERSIGN_{name}": value for name, value in variables.items()})
        return self.parts.verb("serve", "--check", seconds=15)

    def test_WhatServeReadsIsReadAndNothingElse(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            done = self.check(LISTEN=f"127.0.0.1:{taken.getsockname()[1]}", DATABASE="postgresql://127.0.0.1:1/none")
        self.assertEqual((done.code, done.err), (0, []), done.text())

    def test_WhatServeWouldRefuseIsRefused(self):
        for variables, pattern in (({"POLICY": self.folder.write("bad.yaml", "version: 1\nrulez: []\n")}, "bad.yaml:2:1"),
                                   ({"KEYS": os.path.join(self.folder.path, "none")}, "keys create"),
                                   ({"DATABASE": ""}, "database"),
                                   ({"TLS_CERTIFICATE": "/dev/null", "TLS_KEY": "/dev/null"}, "tls"),
                                   ({"TEAMS_APP_ID": "not-an-id", "TEAMS_APP_PASSWORD": "x"}, "teams")):
            self.parts.environment = dict(self.environment)
            done = self.check(**variables)
            self.assertNotEqual(done.code, 0, variables)
            self.assertRegex(done.text(), pattern)

    def test_BadCertificatesAreRefused(self):
        key, certificate = (os.path.join(self.folder.path, name) for name in ("tls.key", "tls.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        key, "-out", certificate, "-subj", "/CN=localhost"], check=True, capture_output=True)
        self.assertEqual(self.check(TLS_CERTIFICATE=certificate, TLS_KEY=key).code, 0)
        os.remove(key)
        self.assertNotEqual(self.check(TLS_CERTIFICATE=certificate, TLS_KEY=key).code, 0)


if __name__ == "__main__":
    unittest.main()
