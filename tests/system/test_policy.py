"""Policies as their writers meet them: what one says of a request, what it would have made of history, and how a
new one comes into force. The real binary, server, PostgreSQL and workspace."""
import json
import os
import signal
import subprocess
import unittest

from process import Api, Dev, Parts, TempFolder, binary, wait_until

POLICY = """
version: 1
people:
  riley: { email: riley@sim.example, slack: U0RILEY }
  amy: { slack: U0AMY }
  ben: { slack: U0BEN }
  cat: { slack: U0CAT }
groups:
  security: { slack_usergroup: S0SEC }
  dba: { people: [cat] }
rules:
  - name: exports
    when: { action: db.export, environment: production }
    require: { count: 1, of: security }
  - name: free
    when: { action: db.export, environment: dev }
    allow: true
"""
TIGHTER = POLICY.replace("count: 1, of: security", "count: 2, of: security")
BROKEN = POLICY.replace("rules:", "rulez:")


def countersign(*arguments, **more):
    return subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=60, **more)


class DiffTest(unittest.TestCase):
    def setUp(self):
        self.folder = TempFolder()
        self.addCleanup(self.folder.remove)
        self.policy = self.folder.write("policy.yaml", POLICY)
        self.tighter = self.folder.write("tighter.yaml", TIGHTER)

    def test_what_got_easier_fails_until_it_is_named_as_reviewed(self):
        said = countersign("policy", "diff", self.tighter, self.policy)
        self.assertEqual(said.returncode, 1, said.stdout)
        self.assertIn("db.export in production: needs 1 of security instead of 2 of security", said.stdout)
        told = json.loads(countersign("policy", "diff", self.tighter, self.policy, "--json").stdout)
        reviewed = [word for one in told if one["direction"] == "easier" for word in ("--allow-easier", one["id"])]
        self.assertEqual(countersign("policy", "diff", self.tighter, self.policy, *reviewed).returncode, 0)
        example = self.folder.write("example.json", json.dumps(told[0]["example"]))
        explained = countersign("policy", "explain", "--policy", self.policy, "--request", example)
        self.assertIn("needs 1 of security", explained.stdout)

    def test_what_got_harder_does_not_fail(self):
        said = countersign("policy", "diff", self.policy, self.tighter)
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertIn("harder", said.stdout)
        self.assertEqual(countersign("policy", "diff", self.policy, self.policy).stdout.count("\n"), 1)

    def test_the_matrix_says_who_is_asked(self):
        said = countersign("policy", "check", "--matrix", self.policy)
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertRegex(said.stdout, r"production +needs 1 of security")
        self.assertRegex(said.stdout, r"dev +allowed")


class ExplainTest(unittest.TestCase):
    def setUp(self):
        self.folder = TempFolder()
        self.addCleanup(self.folder.remove)
        self.policy = self.folder.write("policy.yaml", POLICY)

    def explain(self, request, *more):
        path = self.folder.write("request.json", json.dumps(request) if not isinstance(request, str) else request)
        return countersign("policy", "explain", "--policy", self.policy, "--request", path, *more)

    def test_says_which_rules_apply_and_which_condition_failed(self):
        said = self.explain({"action": "db.export", "environment": "production"})
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("needs 1 of security", said.stdout)
        self.assertIn('environment is "production", wanted "dev"', said.stdout)
        self.assertIn("policy.yaml:12", said.stdout)
        self.assertIn("--group security=amy,ben", said.stdout)

    def test_says_who_could_approve_where_it_is_told_who_is_in_a_chats_group(self):
        said = self.explain({"action": "db.export", "environment": "production", "on_behalf_of": ["amy"]}, "--group",
                            "security=amy,ben,U0DAN")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("1 of security: ben, slack:T0/U0DAN", said.stdout)
        self.assertIn("never counted: amy", said.stdout)

    def test_drops_no_term_that_the_rules_set(self):
        policy = self.folder.write("terms.yaml", """
version: 1
people: { amy: { slack: U0AMY }, ben: { slack: U0BEN } }
groups: { g: { people: [amy, ben] } }
rules:
  - name: r
    when: { action: x }
    require: { of: g }
    reason: required
    exclude: [labels.author]
    deny: { count: 2, of: g }
    claim: { not_before: 5m, not_when: { time.weekday: [sat, sun] } }
    grant: 7d
""")
        request = self.folder.write("terms.json", json.dumps(
            {"action": "x", "labels": {"author": "amy"}, "at": "2026-01-05T12:00:00Z"}))
        said = countersign("policy", "explain", "--policy", policy, "--request", request)
        self.assertEqual(said.returncode, 0, said.stderr)
        for term in ["approvals of whom labels.author names do not count", "every approval says why",
                     "denials of 2 of g end it", "no approval is claimed before 5m after the opening",
                     "nothing is claimed from 2026-01-10T00:00:00"]:
            self.assertIn(term, said.stdout)

    def test_is_the_same_as_json(self):
        told = json.loads(self.explain({"action": "db.export", "environment": "production"}, "--json").stdout)
        self.assertEqual(told["outcome"], "require")
        self.assertEqual([rule["applies"] for rule in told["rules"]], [True, False])
        self.assertEqual(told["missing"][0][0]["known"], False)

    def test_an_empty_group_is_a_dead_end_and_says_so(self):
        said = self.explain({"action": "db.export", "environment": "production"}, "--group", "security=")
        self.assertIn("group security must give 1 person, but only 0 of its members", said.stdout)

    def test_reads_a_request_as_the_api_shows_it_from_stdin(self):
        shown = {"id": "req_01JD0000000000000000000000", "state": "denied", "action": "db.export", "environment": "dev",
                 "created_at": "2026-01-05T12:00:00Z", "votes": [], "requester": {"kind": "workload", "name": "ci",
                                                                                "people": ["riley"]}}
        said = countersign("policy", "explain", "--policy", self.policy, "--request", "-", input=json.dumps(shown))
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("allowed: nobody is asked", said.stdout)
        self.assertIn("2026-01-05T12:00:00Z", said.stdout)

    def test_what_is_wrong_with_a_request_is_said_with_its_place(self):
        said = self.explain({"action": "DB EXPORT"})
        self.assertEqual(said.returncode, 2)
        self.assertIn("/action", said.stderr)
        said = self.explain("{")
        self.assertEqual(said.returncode, 2)
        said = self.explain({"action": "x"}, "--group", "dba=amy")
        self.assertEqual(said.returncode, 2)
        self.assertIn("the policy itself lists", said.stderr)

    def test_a_policy_with_errors_explains_nothing(self):
        self.policy = self.folder.write("broken.yaml", BROKEN)
        said = self.explain({"action": "db.export"})
        self.assertEqual(said.returncode, 1)
        self.assertIn("did you mean `rules`", said.stderr)


class CheckTest(unittest.TestCase):
    def setUp(self):
        self.folder = TempFolder()
        self.addCleanup(self.folder.remove)

    def check(self, policy, *more):
        return countersign("policy", "check", self.folder.write("policy.yaml", policy), *more)

    def test_says_in_one_line_that_all_is_well(self):
        said = self.check("version: 1\npeople: { amy: { slack: U0AMY }, ben: { slack: U0BEN } }\n"
                          "groups: { g: { people: [amy, ben] } }\n"
                          "rules: [{ name: r, when: { action: a }, require: { of: g } }]\n")
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertRegex(said.stdout, r"^\S+policy.yaml: 1 rules, 1 groups and 2 people, nothing to mend\n$")

    def test_warnings_have_a_kind_and_are_accepted_by_it(self):
        loose = POLICY + "    expires: 30m\n"
        said = self.check(loose, "--strict")
        self.assertEqual(said.returncode, 1)
        kinds = sorted({line.rpartition("[")[2].rstrip("]") for line in said.stdout.splitlines()})
        self.assertIn("unproven", kinds)
        said = self.check(loose + "accept: { " + ", ".join(f"{kind}: it is a test" for kind in kinds) + " }\n", "--strict")
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertIn("accepted: ", said.stdout)
        self.assertNotIn("warning: ", said.stdout)

    def test_mistakes_of_form_are_told_with_what_to_write(self):
        for wrong, told in (("require: { count: 1, of: security }\n", "{ count: 2, of: security }"),):
            said = self.check(POLICY.replace(wrong, "require: 2 of security\n"))
            self.assertEqual(said.returncode, 1)
            self.assertIn(told, said.stdout)
        self.assertIn("use spaces", self.check("version: 1\nrules:\n\t- name: r\n").stdout)
        self.assertIn("invisible character", self.check("version: 1 # \u200b\n").stdout)

    def test_a_failed_test_names_no_command_of_a_request_that_was_never_filed(self):
        policy = POLICY + """tests:
  - name: t
    request: { action: db.export, environment: production, on_behalf_of: [amy] }
    groups: { security: [amy, ben] }
    votes: [{ by: amy, verdict: approve }]
    expect: { state: approved }
"""
        said = countersign("policy", "test", self.folder.write("policy.yaml", policy))
        self.assertEqual(said.returncode, 1)
        self.assertIn("refused (self_approval)", said.stdout)
        self.assertNotIn("cancel 0", said.stdout)


class HistoryTest(unittest.TestCase):
    """One server; what it recorded is looked at under other policies, and another policy comes into force."""

    def setUp(self):
        Parts.of(self, POLICY).prepare()
        self.policy = self.parts.policy
        token = self.parts.make_token()
        self.parts.workspace.control("limits", {"limits": "off"})
        self.parts.start_server()
        self.api = Api(self.parts.url, token)

    def ask(self, environment="production"):
        return self.api.open("db.export", environment=environment)

    def approved(self, request):
        self.assertTrue(self.parts.workspace.approve("amy", request["id"])["acked"])
        self.api.reaches(request["id"], "approved")

    def replay(self, policy, *more):
        path = self.folder.write("candidate.yaml", policy)
        said = countersign("policy", "replay", "--policy", path, *more, env=self.parts.environment)
        self.assertEqual(said.returncode, 0, said.stderr)
        return said.stdout

    def test_replay_tells_what_would_have_ended_otherwise_and_changes_nothing(self):
        self.approved(self.ask())
        self.ask("dev")
        before = self.parts.sql("SELECT count(*) FROM entry") + self.parts.sql("SELECT count(*) FROM event")
        told = json.loads(self.replay(TIGHTER, "--since", "1d", "--json"))
        self.assertEqual((told["requests"], told["same"], told["changed"]), (2, 1, 1))
        self.assertEqual(told["changes"], [{"before": "approved", "after": "waiting", "count": 1}])
        self.assertEqual(told["requests_changed"][0]["why"], "lacks 1 of security")
        self.assertEqual(json.loads(self.replay(POLICY, "--json"))["changed"], 0)
        text = self.replay(TIGHTER.replace("allow: true", "refuse: not here"))
        self.assertIn("2 requests since", text)
        self.assertIn("1  approved -> waiting", text)
        self.assertIn("1  approved -> refused", text)
        self.assertIn("not here", text)
        self.assertEqual(before, self.parts.sql("SELECT count(*) FROM entry") + self.parts.sql("SELECT count(*) FROM event"))

    def test_replay_needs_a_moment_it_can_read(self):
        path = self.folder.write("candidate.yaml", TIGHTER)
        said = countersign("policy", "replay", "--policy", path, "--since", "yesterday", env=self.parts.environment)
        self.assertEqual(said.returncode, 2)
        self.assertIn("30d", said.stderr)

    def loaded(self):
        return self.parts.sql("SELECT convert_from(body, 'UTF8') FROM event WHERE type = 'policy.loaded' ORDER BY id").splitlines()

    def test_a_new_policy_is_for_new_requests_and_each_that_comes_into_force_is_an_event(self):
        old = self.ask()
        self.assertEqual(len(wait_until("the first policy's event", self.loaded)), 1)
        self.folder.write("policy.yaml", TIGHTER)
        self.parts.server.signal(signal.SIGHUP)
        self.parts.server.line("reloaded, sha256:")
        wait_until("the second policy's event", lambda: len(self.loaded()) == 2)
        new = self.ask()
        self.assertEqual(new["missing"][0]["count"], 2)
        self.assertNotEqual(old["policy"]["digest"], new["policy"]["digest"])
        self.assertIn(new["policy"]["digest"], self.loaded()[-1])
        self.approved(old)  # its rules are frozen

    def test_a_policy_with_errors_changes_nothing(self):
        self.folder.write("policy.yaml", BROKEN)
        self.parts.server.signal(signal.SIGHUP)
        self.parts.server.line("not reloaded, the last good one stays")
        self.assertIn("did you mean `rules`", self.parts.server.text())
        self.assertEqual(self.ask()["missing"][0]["count"], 1)
        self.assertEqual(len(wait_until("one event", self.loaded)), 1)


class ShadowTest(unittest.TestCase):
    """Rules on trial hold nothing, and say what they would have asked."""
    POLICY = """
version: 1
people: { amy: { slack: U0AMY }, cat: { slack: U0CAT } }
groups: { security: { slack_usergroup: S0SEC }, dba: { people: [cat] } }
default: refuse
rules:
  - { name: shells, when: { action: agent.shell }, require: { count: 2, of: security }, shadow: true, notify: { slack: "#approvals" } }
  - { name: never, when: { action: agent.never }, refuse: too risky, shadow: true }
  - { name: exports, when: { action: agent.*, environment: production }, require: { count: 1, of: dba } }
"""

    def test_WhatWouldHaveBeenAskedIsRecordedAndShown(self):
        folder = TempFolder()
        self.addCleanup(folder.remove)
        dev = Dev(os.path.join(folder.path, "home"), folder.write("policy.yaml", self.POLICY))
        self.addCleanup(dev.stop)
        api, workspace = dev.api, dev.workspace
        workspace.control("limits", {"limits": "off"})
        shell = api.open("agent.shell")
        self.assertEqual((shell["state"], shell["policy"]["rules"]), ("approved", ["shells"]))
        self.assertEqual(shell["policy"]["shadow"], {"rules": ["shells"], "refuses": False, "reason": None,
                                                     "asks": [[{"group": "security", "count": 2}]]})
        self.assertIn("would have asked 2 of", json.dumps(workspace.card(shell["id"])))
        claimed = api.call("POST", f"/v1/requests/{shell['id']}/claim", {"digest": shell["digest"]})
        self.assertEqual(claimed.status, 200)
        wait_until("the card tells it", lambda: "not finished yet" in json.dumps(workspace.card(shell["id"])))
        never = api.open("agent.never")
        self.assertEqual((never["state"], never["policy"]["shadow"]["reason"]), ("approved", "too risky"))
        both = api.open("agent.shell", environment="production")
        self.assertEqual((both["state"], both["policy"]["rules"]), ("pending", ["shells", "exports"]))
        self.assertEqual(both["policy"]["shadow"]["asks"], [[{"group": "security", "count": 2}, {"group": "dba", "count": 1}]])
        self.assertIn("would have asked 2 of", json.dumps(workspace.card(both["id"])))
        self.assertEqual(api.open("agent.other")["state"], "refused")
        self.assertNotIn("shadow", api.open("agent.other")["policy"])
        self.assertEqual(api.show(shell["id"])["policy"]["shadow"]["rules"], ["shells"])
        self.assertIsNone(workspace.find_card(never["id"]))  # no rule says where


if __name__ == "__main__":
    unittest.main()
