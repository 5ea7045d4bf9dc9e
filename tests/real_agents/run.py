#!/usr/bin/env python3
"""Real coding agents with `countersign hook`, against a model on the loopback: what is allowed runs, and nothing else does.
Usage: run.py CACHE [NAME …], where CACHE/node_modules has the agents. Ends with `N passed, N failed, N skipped`."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support")]

from model import Model  # noqa: E402
from process import Dev, TempFolder, binary, wait_until  # noqa: E402

POLICY = """
version: 1
people: { amy: { email: amy@example.com, slack: U0AMY } }
groups: { reviewers: { people: [amy] } }
default: refuse
rules:
  - { name: free, when: { parameters.command: "*free*" }, allow: true }
  - { name: asked, when: { parameters.command: "*asked*" }, require: { count: 1, of: reviewers } }
"""
CACHE = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path("/nonexistent")
WAITS_S = int(os.environ.get("COUNTERSIGN_TEST_WAIT", "20"))  # how long people take; five minutes show more


class Agent(unittest.TestCase):
    program = None
    name = None  # for `agents`, and of the program in the PATH

    @classmethod
    def setUpClass(cls):
        if cls.program is None:
            raise unittest.SkipTest("each agent has a class of its own")
        cls.path = CACHE / "node_modules" / cls.program
        if not cls.path.exists():
            raise unittest.SkipTest(f"{cls.program} is not installed")
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.dev = Dev(os.path.join(cls.folder.path, "home"), cls.folder.write("policy.yaml", POLICY))
        cls.addClassCleanup(cls.dev.stop)
        cls.dev.workspace.control("limits", {"limits": "off"})

    def setUp(self):
        self.home = TempFolder()
        self.addCleanup(self.home.remove)
        self.work = os.path.join(self.home.path, "work")
        os.mkdir(self.work)
        self.home.write("token", self.dev.api.token)

    def command(self, url=None):
        """The line that `agents install` writes, with a deadline that a test can wait for."""
        done = subprocess.run([binary(), "agents", "install", "claude-code", "--approvals-url", url or self.dev.api.url,
                               "--token-file", os.path.join(self.home.path, "token")],
                              env={"HOME": os.path.join(self.home.path, "installer"), "PATH": os.environ["PATH"]},
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        settings = json.loads(pathlib.Path(self.home.path, "installer", ".claude", "settings.json").read_text())
        self.after = settings["hooks"]["PostToolUse"][0]["hooks"][0]["command"]
        return settings["hooks"]["PreToolUse"][0]["hooks"][0]["command"]

    def start(self, word, command=None, url=None):
        """The agent, told by its model to write a file with this word in its name."""
        self.model = Model(self.tool(f"touch {self.work}/{word}"))
        self.addCleanup(self.model.stop)
        self.configure(command or self.command(url))
        log = open(os.path.join(self.home.path, "log"), "w")
        self.addCleanup(log.close)
        child = subprocess.Popen([str(self.path), *self.arguments()], cwd=self.work, stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=subprocess.STDOUT, start_new_session=True,
                                 env={"PATH": os.environ["PATH"], "HOME": self.home.path, "TERM": "dumb", **self.environment()})
        self.addCleanup(lambda: child.poll() is None and os.killpg(child.pid, signal.SIGKILL))
        return child

    def ended(self, child, seconds=120):
        child.wait(seconds)
        return pathlib.Path(self.home.path, "log").read_text()[-3000:]

    def ran(self, word):
        return os.path.exists(os.path.join(self.work, word))

    def told(self):
        """What the model was told last, as text."""
        return json.dumps(self.model.bodies[-1])

    def pending(self):
        return self.dev.api.call("GET", "/v1/requests?state=pending").json["requests"]

    def test_WhatIsAllowedRuns(self):
        log = self.ended(self.start("free"))
        self.assertTrue(self.ran("free"), log)
        outcomes = [each["state"] for each in self.dev.api.call("GET", "/v1/requests?limit=200").json["requests"]
                    if each["parameters"].get("command", "").endswith(f"{self.work}/free")]
        self.assertEqual(outcomes, ["succeeded"], log)

    def test_WhatIsRefusedDoesNotRunAndTheModelIsToldWhy(self):
        log = self.ended(self.start("other"))
        self.assertFalse(self.ran("other"), log)
        self.assertIn("refused by policy", self.told(), log)

    def test_WhatIsApprovedAfterAWhileRuns(self):
        child = self.start("asked")
        [request] = wait_until("a request", self.pending, 60)
        time.sleep(WAITS_S)
        self.assertFalse(self.ran("asked"))
        self.dev.workspace.approve("amy", request["id"])
        log = self.ended(child)
        self.assertTrue(self.ran("asked"), log)

    def test_WhatIsDeniedDoesNotRun(self):
        child = self.start("asked")
        [request] = wait_until("a request", self.pending, 60)
        self.dev.workspace.with_reason("amy", request["id"], "deny", "not on a Friday")
        log = self.ended(child)
        self.assertFalse(self.ran("asked"), log)
        self.assertIn("not on a Friday", self.told(), log)

    def test_TheDoctorSeesThatADeniedCallDoesNotRun(self):
        if self.name is None:
            self.skipTest("the same agent is tried by another class")
        programs = os.path.join(self.home.path, "programs")
        os.mkdir(programs)
        os.symlink(self.path, os.path.join(programs, self.name[1]))
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": self.home.path}
        asked = ["--approvals-url", self.dev.api.url, "--token-file", os.path.join(self.home.path, "token")]

        def doctor():
            done = subprocess.run([binary(), "agents", "doctor", "--live", "--json", self.name[0], *asked], env=environment,
                                  capture_output=True, text=True, timeout=200)
            return next((each["ok"], each["finding"]) for each in json.loads(done.stdout) if "tried: " in each["finding"])

        self.assertEqual(doctor(), (False, "tried: a call ran, and nobody was asked about it"))
        subprocess.run([binary(), "agents", "install", self.name[0], *asked], env=environment, check=True, capture_output=True)
        ok, finding = doctor()
        # A hook of the user's own is passed over by Codex until it was reviewed, which the doctor has to see.
        self.assertEqual(ok, self.name[0] != "codex", finding)
        self.assertIn("nobody was asked" if self.name[0] == "codex" else "did not run", finding)

    def test_WithoutAServerNothingRuns(self):
        log = self.ended(self.start("free", url="http://127.0.0.1:9"))
        self.assertFalse(self.ran("free"), log)
        self.assertIn("cannot reach", self.told(), log)

    def test_AHookThatIsKilledOrMissingRunsNothing(self):
        good = self.command()
        for name, command in (("killed", "sh -c 'kill -9 $$' " + good[good.index("||"):]),
                              ("missing", "/nonexistent/countersign " + good[good.index("||"):]),
                              ("another's dialect", good.replace(
                                  binary(), f"sed 's/session_id/conversation_id/; s/sessionId/trajectory_id/' | {binary()}"))):
            with self.subTest(case=name):
                log = self.ended(self.start("free", command))
                self.assertFalse(self.ran("free"), log)


class ClaudeCode(Agent):
    program = "@anthropic-ai/claude-code-linux-x64/claude"
    name = ("claude-code", "claude")

    def tool(self, command):
        return {"name": "Bash", "input": {"command": command, "description": "x"}}

    def configure(self, command):
        hook, after = ({"type": "command", "command": each, "timeout": 600} for each in (command, self.after))
        self.home.write("settings.json", json.dumps({"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [hook]}],
                                                               "PostToolUse": [{"matcher": "*", "hooks": [after]}]}}))

    def arguments(self):
        return ["-p", "go", "--settings", os.path.join(self.home.path, "settings.json"), "--model", "claude-sonnet-4-5",
                "--output-format", "json", "--allowedTools", "Bash"]

    def environment(self):
        return {"ANTHROPIC_BASE_URL": self.model.url, "ANTHROPIC_API_KEY": "dummy", "DISABLE_TELEMETRY": "1",
                "DISABLE_ERROR_REPORTING": "1", "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}


class ClaudeCodeOverHttp(ClaudeCode):
    """Its hook is the server itself."""
    name = None

    def command(self, url=None):
        return url or self.dev.api.url

    def configure(self, command):
        hook = {"type": "http", "url": f"{command}/hooks/claude?wait=100", "timeout": 120, "onFailure": "block",
                "headers": {"Authorization": "Bearer $COUNTERSIGN_TOKEN"}, "allowedEnvVars": ["COUNTERSIGN_TOKEN"]}
        self.home.write("settings.json", json.dumps({"hooks": {event: [{"matcher": "*", "hooks": [hook]}]
                                                               for event in ("PreToolUse", "PostToolUse")}}))

    def environment(self):
        return {**super().environment(), "COUNTERSIGN_TOKEN": self.dev.api.token}

    def test_WithoutAServerNothingRuns(self):
        log = self.ended(self.start("free", url="http://127.0.0.1:9"))
        self.assertFalse(self.ran("free"), log)

    def test_AHookThatIsKilledOrMissingRunsNothing(self):
        self.dev.api.token, good = "cst_wrong", self.dev.api.token
        try:
            log = self.ended(self.start("free"))
            self.assertFalse(self.ran("free"), log)
        finally:
            self.dev.api.token = good


class Codex(Agent):
    program = ".bin/codex"
    name = ("codex", "codex")

    def tool(self, command):
        return {"name": "exec_command", "input": {"cmd": command}}

    def configure(self, command):
        text = f"""model = "fake"
model_provider = "fake"
[model_providers.fake]
name = "fake"
base_url = "{self.model.url}/v1"
wire_api = "responses"
requires_openai_auth = false
request_max_retries = 0
stream_max_retries = 0
[[hooks.PreToolUse]]
matcher = ".*"
[[hooks.PreToolUse.hooks]]
type = "command"
command = {json.dumps(command)}
timeout = 600
[[hooks.PostToolUse]]
matcher = ".*"
[[hooks.PostToolUse.hooks]]
type = "command"
command = {json.dumps(self.after)}
"""
        self.home.write("config.toml", text)

    def arguments(self):
        return ["exec", "--skip-git-repo-check", "-C", self.work, "--dangerously-bypass-approvals-and-sandbox",
                "--dangerously-bypass-hook-trust", "go"]

    def environment(self):
        return {"CODEX_HOME": self.home.path}


class GeminiCli(Agent):
    program = ".bin/gemini"
    name = ("gemini-cli", "gemini")

    def tool(self, command):
        return {"name": "run_shell_command", "input": {"command": command}}

    def configure(self, command):
        hook, after = ({"type": "command", "command": each, "timeout": 600_000} for each in (command, self.after))
        os.makedirs(os.path.join(self.home.path, ".gemini"), exist_ok=True)
        self.home.write(".gemini/settings.json", json.dumps({
            "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
            "hooksConfig": {"enabled": True}, "hooks": {"BeforeTool": [{"matcher": ".*", "hooks": [hook]}],
                                                         "AfterTool": [{"matcher": ".*", "hooks": [after]}]}}))

    def arguments(self):
        return ["-m", "gemini-2.5-pro", "--yolo", "--skip-trust", "-p", "go"]

    def environment(self):
        return {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": self.model.url, "GEMINI_CLI_NO_RELAUNCH": "true"}


class CopilotCli(Agent):
    program = "@github/copilot-linux-x64/copilot"
    name = ("copilot-cli", "copilot")

    def tool(self, command):
        return {"name": "bash", "input": {"command": command, "description": "x"}}

    def configure(self, command):
        folder = os.path.join(self.home.path, ".copilot", "hooks")
        os.makedirs(folder, exist_ok=True)
        hook, after = ({"type": "command", "bash": each, "timeoutSec": 600} for each in (command, self.after))
        self.home.write(".copilot/hooks/countersign.json", json.dumps(
            {"version": 1, "hooks": {"preToolUse": [hook], "postToolUse": [after]}}))

    def arguments(self):
        return ["-p", "go", "--allow-all-tools"]

    def environment(self):
        return {"COPILOT_OFFLINE": "true", "COPILOT_PROVIDER_BASE_URL": f"{self.model.url}/v1", "COPILOT_MODEL": "fake"}


def main():
    names = sys.argv[2:]
    suite = unittest.TestSuite()
    for kind in (ClaudeCode, ClaudeCodeOverHttp, Codex, GeminiCli, CopilotCli):
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(kind):
            if not names or any(name in test.id() for name in names):
                suite.addTest(test)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    bad = {id(test) for test, _ in result.failures + result.errors}
    print(f"{max(result.testsRun - len(bad) - len(result.skipped), 0)} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
