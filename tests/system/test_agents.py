"""`countersign agents install` and `doctor`: files that agents cannot change, and what is left open."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

from agent_hosts import HOOKS, runs
from process import ROOT, Client, Dev, TempFolder, binary, wait_until

MANAGED = {"claude-code": "etc/claude-code/managed-settings.json", "codex": "etc/codex/requirements.toml",
           "gemini-cli": "etc/gemini-cli/settings.json", "copilot-cli": "etc/github-copilot/policy.d/countersign.json",
           "cursor": "etc/cursor/hooks.json", "windsurf": "etc/windsurf/hooks.json"}


class AgentsTest(unittest.TestCase):
    def setUp(self):
        self.folder = TempFolder()
        self.addCleanup(self.folder.remove)
        self.root = self.folder.path
        self.token = self.folder.write("agent.token", "cst_not_a_token\n")

    def run_verb(self, *arguments, environment=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERSIGN_")}
        return subprocess.run([binary(), "agents", *arguments], capture_output=True, text=True, timeout=60,
                              env={**clean, "HOME": self.root, "COUNTERSIGN_TOKEN": "cst_secret_of_mine", **(environment or {})})

    def install(self, *arguments, managed=True):
        more = ["--managed", "--root", self.root] if managed else []
        return self.run_verb("install", *more, "--approvals-url", "http://127.0.0.1:9", "--token-file", self.token, *arguments)

    def command(self, host):
        text = pathlib.Path(self.root, MANAGED[host]).read_text()
        if host == "codex":
            line = next(line for line in text.splitlines() if line.startswith("command = ") and "--outcome" not in line)
            return json.loads(line.removeprefix("command = "))
        entry = next(entries[0] for entries in json.loads(text)["hooks"].values() if "--outcome" not in json.dumps(entries))
        hook = entry.get("hooks", [entry])[0]
        return hook.get("command") or hook["bash"]

    def test_ManagedFilesHoldTheHookAndNoSecret(self):
        done = self.install(*MANAGED)
        self.assertEqual(done.returncode, 0, done.stderr)
        for host, path in MANAGED.items():
            file = pathlib.Path(self.root, path)
            self.assertNotIn("cst_", file.read_text())
            self.assertEqual(file.stat().st_mode & 0o777, 0o644)
            self.assertIn("hook --approvals-url http://127.0.0.1:9", self.command(host))
        self.assertIn("is as it should be", self.install("claude-code").stdout)

    def test_WhatIsThereIsNotWrittenOverUnlessThatIsSaid(self):
        path = pathlib.Path(self.root, MANAGED["claude-code"])
        path.parent.mkdir(parents=True)
        path.write_text('{"permissions":{"deny":["WebFetch"]},"hooks":{}}')
        done = self.install("claude-code")
        self.assertEqual(done.returncode, 1)
        self.assertIn("+ ", done.stdout)
        self.assertNotIn("countersign hook", path.read_text())
        self.assertEqual(self.install("claude-code", "--yes").returncode, 0)
        self.assertEqual(json.loads(path.read_text())["permissions"], {"deny": ["WebFetch"]})
        requirements = pathlib.Path(self.root, MANAGED["codex"])
        requirements.parent.mkdir(parents=True)
        requirements.write_text("sandbox_mode = \"read-only\"\n")
        done = self.install("codex", "--yes")
        self.assertEqual(done.returncode, 1)
        self.assertIn("allow_managed_hooks_only", done.stderr)
        self.assertEqual(requirements.read_text(), "sandbox_mode = \"read-only\"\n")

    def test_TheInstalledCommandBlocksHoweverItEnds(self):
        self.assertEqual(self.install(*MANAGED).returncode, 0)
        for host in MANAGED:
            command = self.command(host)
            for name, line in {"unreachable": command.replace(" --deadline 585s", " --deadline 2s"),
                               "missing": command.replace(binary(), "/nonexistent/countersign").replace(
                                   os.path.realpath(binary()), "/nonexistent/countersign"),
                               "no memory": f"ulimit -v 20000; {command}"}.items():
                with self.subTest(host=host, case=name):
                    done = subprocess.run(["sh", "-c", line], input=json.dumps(HOOKS[host]), capture_output=True, text=True)
                    self.assertEqual(done.returncode, 2, done)
                    self.assertFalse(runs(host, done.returncode, done.stdout, done.stderr), done)

    def test_AHookThatIsKilledBlocks(self):
        self.assertEqual(self.install("claude-code").returncode, 0)
        child = subprocess.Popen(["sh", "-c", self.command("claude-code")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        hook = wait_until("the hook", lambda: pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split())
        time.sleep(0.2)
        os.kill(int(hook[0]), signal.SIGKILL)
        out, error = child.communicate(timeout=10)
        self.assertEqual((child.returncode, out), (2, ""))
        self.assertIn("the gate itself failed (137)", error)
        self.assertFalse(runs("claude-code", child.returncode, out, error))

    def test_TheDoctorNamesEachWayRound(self):
        def doctor(*agents):
            done = self.run_verb("doctor", "--json", "--root", self.root, "--approvals-url", "http://127.0.0.1:9", *agents)
            return done.returncode, json.loads(done.stdout)
        code, findings = doctor("claude-code")
        self.assertEqual(code, 1)
        self.assertTrue(any("no hook" in each["finding"] for each in findings))
        self.install("claude-code", "--yes")
        _, findings = doctor("claude-code")
        claude = [each for each in findings if each["agent"] == "claude-code"]
        if os.geteuid() == 0:
            self.assertEqual([each for each in claude if not each["ok"] and self.root in each["finding"]], [], claude)
        self.assertFalse(next(each for each in findings if each["agent"] == "server")["ok"])
        path = pathlib.Path(self.root, MANAGED["claude-code"])
        os.chmod(path, 0o666)
        path.write_text(path.read_text().replace('"block"', '"continue"'))
        os.makedirs(os.path.join(self.root, ".claude"))
        pathlib.Path(self.root, ".claude", "settings.json").write_text('{"disableAllHooks": true}')
        _, findings = doctor("claude-code")
        text = json.dumps(findings)
        for words in ("onFailure is not", "can be written by others", "disableAllHooks is true"):
            self.assertIn(words, text)
        self.assertTrue(all(each["fix"] for each in findings if not each["ok"]))

    def test_AnUnknownAgentOrAMissingOptionSaysWhatToDo(self):
        done = self.install("claud-code")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean claude-code", done.stderr)
        done = self.run_verb("install", "claude-code")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--token-file", done.stderr)


class Trials(unittest.TestCase):
    """`agents doctor --live`, with a program in place of Claude Code; scripts/test-agents runs it on the real ones."""
    POLICY = """
version: 1
people: { amy: { email: amy@example.com, slack: U0AMY } }
groups: { reviewers: { people: [amy] } }
default: refuse
rules:
  - { name: shell, when: { action: agent.claude-code.bash, environment: asked }, require: { count: 1, of: reviewers } }
  - { name: free, when: { action: agent.claude-code.bash, environment: free }, allow: true }
"""

    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.dev = Dev(os.path.join(cls.folder.path, "home"), cls.folder.write("policy.yaml", cls.POLICY))
        cls.addClassCleanup(cls.dev.stop)
        cls.token = cls.folder.write("token", cls.dev.api.token)
        os.chmod(cls.token, 0o600)

    def doctor(self, how, environment, install=True, url=None):
        home = TempFolder()
        self.addCleanup(home.remove)
        program = home.write("claude", f"#!/bin/sh\nexec python3 {ROOT}/tests/support/agent_stand_in.py {how}\n")
        os.chmod(program, 0o755)
        given = {"PATH": f"{home.path}:{os.environ['PATH']}", "HOME": home.path, "COUNTERSIGN_HOME": home.path}
        if install:
            done = subprocess.run([binary(), "agents", "install", "claude-code", "--approvals-url", url or self.dev.api.url, "--token-file",
                                   self.token, "--environment", environment], env=given, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run([binary(), "agents", "doctor", "--live", "--json", "claude-code", "--approvals-url", self.dev.api.url,
                               "--token-file", self.token], env=given, capture_output=True, text=True, timeout=200)
        [tried] = [each for each in json.loads(done.stdout) if each["finding"].startswith(("tried", "not tried"))]
        return tried["ok"], tried["finding"], tried["fix"]

    def test_ADenialIsSeenWhereTheAgentHeedsIt(self):
        for environment in ("asked", "refused"):
            ok, finding, _ = self.doctor("heeds", environment)
            self.assertTrue(ok and "did not run" in finding and "#" in finding, finding)
        listed = self.dev.api.call("GET", "/v1/requests").json["requests"]
        last = next(each for each in listed if each["environment"] == "asked")
        self.assertEqual((last["state"], last["action"]), ("cancelled", "agent.claude-code.bash"))

    def test_WhatRunsAllTheSameIsToldAndWhatWasNotSeenToo(self):
        for how, environment, words in (("ignores", "refused", "nobody was asked"), ("heeds", "free", "a denial was not seen"),
                                        ("crashes", "asked", "did not get as far as a call")):
            with self.subTest(how=how, environment=environment):
                ok, finding, fix = self.doctor(how, environment)
                self.assertFalse(ok)
                self.assertIn(words, finding)
                self.assertTrue(fix)
        ok, finding, _ = self.doctor("heeds", "asked", install=False)
        self.assertFalse(ok)
        self.assertIn("nobody was asked", finding)

    def test_ACallThatNobodyCanBeAskedAboutDoesNotRun(self):
        ok, finding, _ = self.doctor("heeds", "asked", url="http://127.0.0.1:9")
        self.assertTrue(ok, finding)
        self.assertIn("cannot reach http://127.0.0.1:9", finding)


class Adapters(unittest.TestCase):
    """examples/agents, called as the frameworks call it."""
    POLICY = """
version: 1
people: { amy: { email: amy@example.com, slack: U0AMY } }
groups: { reviewers: { people: [amy] } }
default: refuse
rules:
  - { name: free, when: { action: agent.test.free }, allow: true }
  - { name: free commands, when: { action: agent.test.exec_command, parameters.command: free }, allow: true }
  - { name: asked, when: { action: agent.test.asked }, require: { count: 1, of: reviewers } }
"""

    def test_OneCallIsOneRunAndNothingWidensAnApproval(self):
        folder = TempFolder()
        self.addCleanup(folder.remove)
        dev = Dev(os.path.join(folder.path, "home"), folder.write("policy.yaml", self.POLICY))
        self.addCleanup(dev.stop)
        script = str(ROOT / "tests" / "system" / "agents_adapters.mjs")
        child = subprocess.Popen(["node", script, "s1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, "COUNTERSIGN_URL": Client.way(dev.api.url), "COUNTERSIGN_TOKEN": dev.api.token})
        self.addCleanup(child.kill)
        [request] = wait_until("a request", lambda: dev.api.call("GET", "/v1/requests?state=pending").json["requests"])
        self.assertEqual((request["action"], request["resource"], request["parameters"]), ("agent.test.asked", "tool:asked", {"n": 3}))
        dev.workspace.with_reason("amy", request["id"], "deny", "rather not")
        out, error = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 0, error)
        seen = json.loads(out)
        said = seen["said"]
        self.assertEqual(seen["runs"], ["ai", "ai", "langchain", "openai"])  # the second is the one that fails
        self.assertEqual((said["ai"], said["failed"]), ("did 1", "as it was told"))
        for text in (said["replayed"], said["langchain"][1], said["openai"][1]):
            self.assertTrue(text.startswith("NOT RUN: "), text)
        self.assertIn("refused", said["edited"])
        self.assertIn("rather not. Do not retry", said["denied"])
        self.assertEqual(said["claude"][0], {"behavior": "allow", "updatedInput": {"n": 7}})
        self.assertEqual((said["claude"][1]["behavior"], set(said["claude"][1])), ("deny", {"behavior", "message"}))
        self.assertEqual([each["decision"] for each in said["codex"]], ["accept", "decline", "decline"])
        self.assertIn("cannot reach", said["gone"])
        states = {each["parameters"]["n"]: each["state"] for each in dev.api.call("GET", "/v1/requests?limit=200").json["requests"]
                  if "n" in each["parameters"]}
        self.assertEqual((states[1], states[4], states[5]), ("succeeded", "failed", "succeeded"))
