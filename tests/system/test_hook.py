"""`countersign hook` in the hands of each agent: nothing runs in any case that our bytes or our exit code decide."""
import json
import os
import signal
import subprocess
import threading
import time
import unittest

from agent_hosts import HOOKS, OUTCOMES, denies, object_in, runs
from process import Client, Dev, TempFolder, binary, http, wait_until
from proxy import Proxy

POLICY = """
version: 1
people:
  amy: { email: amy@example.com, slack: U0AMY }
  ben: { email: ben@example.com, slack: U0BEN }
groups: { reviewers: { people: [amy, ben] } }
default: refuse
rules:
  - { name: reading is free, when: { action: "agent.*.read" }, allow: true }
  - name: the shell
    when: { action: ["agent.*.bash", "agent.*.shell", "agent.*.run_command", "agent.*.run_shell_command"] }
    require: { count: 1, of: reviewers }
  - name: exports
    when: { action: "agent.*.export" }
    require: { count: 1, of: reviewers }
    lower: [parameters.rows]
  - name: servers
    when: { action: "mcp.*" }
    require: { count: 1, of: reviewers }
    expires: 2s
"""


class HookTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.dev = Dev(os.path.join(cls.folder.path, "home"), cls.folder.write("policy.yaml", POLICY))
        cls.addClassCleanup(cls.dev.stop)
        cls.api, cls.workspace = cls.dev.api, cls.dev.workspace
        cls.way = Client.way(cls.api.url)
        cls.workspace.control("limits", {"limits": "off"})

    def setUp(self):
        self.home = TempFolder()
        self.addCleanup(self.home.remove)
        self.session = self.id().rsplit(".", 1)[-1]

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERSIGN_")}
        return {**clean, "COUNTERSIGN_URL": self.way, "COUNTERSIGN_TOKEN": self.api.token,
                "COUNTERSIGN_HOME": self.home.path, **more}

    def input(self, host, **more):
        text = json.dumps({**HOOKS[host], **more})
        return text.replace('"5e55"', json.dumps(self.session))

    def start(self, *arguments, shell=None, **more):
        command = [binary(), "hook", *arguments]
        if shell:
            command = ["bash", "-c", shell, "hook", *command]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.environment(**more))

    def hook(self, text, *arguments, shell=None, **more):
        text = text.encode() if isinstance(text, str) else text
        child = self.start(*arguments, shell=shell, **more)
        try:
            out, error = child.communicate(text, 60)
        except BrokenPipeError:
            out, error = child.communicate(None, 60)
        finally:
            child.kill()
        return child.returncode, out.decode(), error.decode()

    def blocks(self, host, ended):
        code, out, error = ended
        self.assertFalse(runs(host, code, out, error), (host, ended))

    def denies(self, host, ended, words=""):
        """A denial as every host has to get it: one object in its own words, 2, and the reason on stderr."""
        code, out, error = ended
        self.assertEqual(code, 2, (host, ended))
        self.assertIn(words, error)
        self.assertEqual(out.count("\n"), 1, ended)
        self.assertLessEqual(len(out), 4096)
        answer = object_in(out)
        self.assertTrue(answer is not None and (host == "windsurf" or denies(host, answer)), ended)
        self.blocks(host, ended)

    def pending(self):
        listed = self.api.call("GET", "/v1/requests?state=pending&limit=200").json["requests"]
        return [each for each in listed if each["labels"].get("session") == self.session]


class Decisions(HookTest):
    def test_WhatPolicyAllowsRunsInEveryHostAndIsClaimed(self):
        read = {"claude-code": {"tool_name": "Read"}, "codex": {"tool_name": "Read"}, "gemini-cli": {"tool_name": "read"},
                "copilot-cli": {"toolName": "read"}, "vscode": {"tool_name": "Read"},
                "cursor": {"hook_event_name": "preToolUse", "tool_name": "Read", "tool_input": {"path": "a"}}}
        for host, more in read.items():
            with self.subTest(host=host):
                code, out, error = self.hook(self.input(host, **more))
                self.assertEqual((code, error), (0, ""))
                self.assertTrue(runs(host, code, out, error), (code, out, error))
        listed = self.api.call("GET", "/v1/requests?state=claimed&limit=200").json["requests"]
        mine = [each for each in listed if each["labels"].get("session") == self.session]
        self.assertEqual({each["labels"]["agent"] for each in mine}, set(read))
        self.assertEqual({each["action"] for each in mine}, {f"agent.{host}.read" for host in read})

    def test_AnApprovalHeldByAPersonLetsOneCallRun(self):
        for host in HOOKS:
            with self.subTest(host=host):
                child = self.start("--deadline", "50s")
                child.stdin.write(self.input(host).encode())
                child.stdin.close()
                [request] = wait_until("a request", self.pending)
                self.assertEqual(request["action"].split(".")[:2], ["agent", host])
                self.workspace.approve("amy", request["id"])
                self.assertEqual(child.wait(30), 0)
                self.assertTrue(runs(host, 0, child.stdout.read().decode(), ""))
                child.stdout.close(), child.stderr.close()
                self.assertEqual(self.api.show(request["id"])["state"], "claimed")
                # The same call again is another one.
                self.denies(host, self.hook(self.input(host), "--deadline", "1s"), "NOT RUN YET")
                [again] = self.pending()
                self.assertNotEqual(again["id"], request["id"])
                self.api.call("POST", f"/v1/requests/{again['id']}/cancel")

    def test_ARepetitionWithinTheSessionPicksTheDecisionUpAndAnotherSessionDoesNot(self):
        host = "claude-code"
        self.denies(host, self.hook(self.input(host), "--deadline", "1s"), "Repeat exactly the same call")
        [request] = self.pending()
        self.denies(host, self.hook(self.input(host, tool_use_id="toolu_2"), "--deadline", "1s"), f"#{request['number']}")
        self.workspace.approve("amy", request["id"])
        self.api.reaches(request["id"], "approved")
        self.session += "_other"
        self.denies(host, self.hook(self.input(host), "--deadline", "1s"), "NOT RUN YET")
        self.session = self.session.removesuffix("_other")
        self.denies(host, self.hook(self.input(host, cwd="/elsewhere"), "--deadline", "1s"), "NOT RUN YET")
        code, out, error = self.hook(self.input(host, tool_use_id="toolu_3"), "--deadline", "1s")
        self.assertEqual((code, out, error), (0, "{}\n", ""))

    def test_ADenialIsToldWithItsReasonAndStandsForTheSession(self):
        for host in HOOKS:
            with self.subTest(host=host):
                child = self.start("--deadline", "50s")
                child.stdin.write(self.input(host).encode())
                child.stdin.close()
                [request] = wait_until("a request", self.pending)
                self.workspace.with_reason("amy", request["id"], "deny", "freeze until Monday")
                code = child.wait(30)
                ended = code, child.stdout.read().decode(), child.stderr.read().decode()
                child.stdout.close(), child.stderr.close()
                self.denies(host, ended, "denied by amy: freeze until Monday")
                self.denies(host, self.hook(self.input(host)), "denied by amy")

    def test_AnApproverLowersACallAndTheLoweredOneIsPickedUp(self):
        def export(rows, **more):
            return self.input("claude-code", tool_name="Export", tool_input={"rows": rows, "to": "x"}, **more)

        child = self.start("--deadline", "20s")
        child.stdin.write(export(5000).encode())
        child.stdin.close()
        [request] = wait_until("a request", self.pending)
        self.workspace.command("amy", f"lower {request['number']} rows=300")
        [lowered] = wait_until("the lowered request", lambda: [r for r in self.pending() if r["id"] != request["id"]])
        self.workspace.approve("ben", lowered["id"])
        code = child.wait(30)
        ended = code, child.stdout.read().decode(), child.stderr.read().decode()
        child.stdout.close(), child.stderr.close()
        self.denies("claude-code", ended, "rows 300 instead of 5000")
        # Nothing else than that, in no other conversation, and once.
        self.denies("claude-code", self.hook(export(301), "--deadline", "1s"), "NOT RUN YET")
        other = export(300).replace(json.dumps(self.session), '"another"')
        self.denies("claude-code", self.hook(other, "--deadline", "1s"), "NOT RUN YET")
        code, out, error = self.hook(export(300))
        self.assertTrue(runs("claude-code", code, out, error), (code, out, error))
        self.assertEqual(self.api.show(lowered["id"])["state"], "claimed")
        self.denies("claude-code", self.hook(export(300), "--deadline", "1s"), "NOT RUN YET")

    def test_WhatExpiredIsToldAndAsksAnew(self):
        text = self.input("claude-code", tool_name="mcp__files__write", tool_input={"path": "a"})
        self.denies("claude-code", self.hook(text), "expired before it was decided")
        self.denies("claude-code", self.hook(text, "--deadline", "1s"), "NOT RUN YET")
        [request] = self.pending()
        self.assertEqual((request["action"], request["resource"]), ("mcp.files.write", "mcp:files/write"))

    def test_ClaudeCodeDefersAndGoesOnWhenItIsResumed(self):
        text = self.input("claude-code")
        code, out, error = self.hook(text, "--defer")
        self.assertEqual((code, error), (0, ""))
        self.assertEqual(json.loads(out)["hookSpecificOutput"]["permissionDecision"], "defer")
        [request] = self.pending()
        self.workspace.approve("ben", request["id"])
        self.api.reaches(request["id"], "approved")
        code, out, error = self.hook(text, "--defer")
        self.assertEqual(json.loads(out)["hookSpecificOutput"]["permissionDecision"], "allow")
        # Where nobody can resume, there is nothing to defer to.
        self.denies("codex", self.hook(self.input("codex"), "--defer"), "NOT RUN YET")

    def test_TwoProcessesDoNotShareOneApproval(self):
        both = [self.start("--deadline", "20s") for _ in range(2)]
        for child in both:
            child.stdin.write(self.input("copilot-cli").encode())
            child.stdin.close()
        [request] = wait_until("a request", self.pending)
        time.sleep(1)
        self.workspace.approve("amy", request["id"])
        first = wait_until("one of them ends", lambda: [c for c in both if c.poll() is not None])
        self.assertEqual(len(first), 1)
        self.assertEqual(first[0].returncode, 0)
        [other] = wait_until("a request of its own", self.pending)
        self.assertNotEqual(other["id"], request["id"])
        for child in both:
            child.terminate()
            child.wait(10)
            child.stdout.close(), child.stderr.close()

    def test_ThePersonAtTheDeskIsBehindTheRequest(self):
        self.hook(self.input("claude-code"), "--deadline", "1s", "--on-behalf-of", "email:{login}@example.com",
                  "--environment", "desk")
        [request] = self.pending()
        login = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        self.assertEqual(request["on_behalf_of"], [f"email:{login}@example.com"])
        self.assertEqual((request["environment"], request["labels"]["login"]), ("desk", login))


class Outcomes(HookTest):
    """The hook that is started after a tool reports how the call ended that was asked about before."""

    def mine(self):
        listed = self.api.call("GET", "/v1/requests?limit=200").json["requests"]
        return [each for each in listed if each["labels"].get("session") == self.session]

    def after(self, host, failed=False, **more):
        return self.input(host, **{**OUTCOMES[host](failed), **more})

    def test_TheOutcomeOfEachCallIsReportedInEveryHost(self):
        free = {"claude-code": {"tool_name": "Read"}, "codex": {"tool_name": "Read"}, "gemini-cli": {"tool_name": "read"},
                "copilot-cli": {"toolName": "read"}, "vscode": {"tool_name": "Read"},
                "cursor": {"hook_event_name": "preToolUse", "tool_name": "Read", "tool_input": {"path": "a"}}}
        for host, more in free.items():
            with self.subTest(host=host):
                self.session = f"{self.id()}-{host}"
                self.assertEqual(self.hook(self.input(host, **more))[0], 0)
                [request] = self.mine()
                self.assertEqual(request["state"], "claimed")
                after = {**more, "hook_event_name": "postToolUse"} if host == "cursor" else more
                code, out, error = self.hook(self.after(host, **after), "--outcome")
                self.assertEqual((code, out, error), (0, "{}\n", ""))
                self.assertEqual(self.api.show(request["id"])["state"], "succeeded")
                # There is nothing left to report, and saying it again changes nothing.
                self.assertEqual(self.hook(self.after(host, **after), "--outcome")[0], 0)

    def test_AFailureIsToldAsOneAndEqualCallsAreToldApart(self):
        for call in ("toolu_1", "toolu_2"):
            self.assertEqual(self.hook(self.input("claude-code", tool_name="Read", tool_use_id=call))[0], 0)
        self.assertEqual(self.hook(self.after("claude-code", True, tool_name="Read", tool_use_id="toolu_2"), "--outcome")[0], 0)
        first, second = sorted(self.mine(), key=lambda each: each["number"])
        self.assertEqual((first["state"], second["state"]), ("claimed", "failed"))
        # Copilot CLI gives no ids: two equal calls are two outcomes, whichever is whose.
        self.session += "-copilot"
        for _ in range(2):
            self.assertEqual(self.hook(self.input("copilot-cli", toolName="read"))[0], 0)
        for _ in range(2):
            self.assertEqual(self.hook(self.after("copilot-cli", toolName="read"), "--outcome")[0], 0)
        self.assertEqual({each["state"] for each in self.mine()}, {"succeeded"})

    def test_WhatWasNotAskedAboutIsNotReportedAndAQuestionIsNeverAnsweredSo(self):
        self.assertEqual(self.hook(self.after("claude-code"), "--outcome"), (0, "{}\n", ""))
        for host in HOOKS:  # the wrong option at the wrong event blocks
            self.blocks(host, self.hook(self.input(host), "--outcome"))
            self.blocks(host, self.hook("{", "--outcome"))
        self.assertEqual(self.mine(), [])

    def test_AServerThatIsGoneHoldsNobodyUpForLong(self):
        self.assertEqual(self.hook(self.input("claude-code", tool_name="Read"))[0], 0)
        begun = time.monotonic()
        code, out, error = self.hook(self.after("claude-code", tool_name="Read"), "--outcome", COUNTERSIGN_URL="http://127.0.0.1:9")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("was not reported", error)
        self.assertLess(time.monotonic() - begun, 20)


class Failures(HookTest):
    def everywhere(self, words="", *arguments, hosts=HOOKS, **more):
        for host in hosts:
            with self.subTest(host=host, words=words):
                self.denies(host, self.hook(self.input(host), *arguments, **more), words)

    def test_NoServerNoTokenAndWrongSettingsDeny(self):
        self.everywhere("cannot reach", "--deadline", "3s", COUNTERSIGN_URL="http://127.0.0.1:9")
        self.everywhere("not known", COUNTERSIGN_TOKEN="cst_wrong")
        self.everywhere("token", COUNTERSIGN_TOKEN="")
        self.everywhere("NOT RUN", "--token-file", "/nonexistent/token", hosts=["gemini-cli", "codex"])
        self.everywhere("--approvals-url must be", "--approvals-url", "gopher://x", hosts=["gemini-cli", "codex"])
        self.everywhere("--deadline must be", "--deadline", "soon", hosts=["gemini-cli", "codex"])
        code, out, error = self.hook(self.input("codex"), "--nonsense")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("no option --nonsense", error)

    def test_WhatIsNoAnswerOfTheServerDenies(self):
        faults = {"500": dict(fault=lambda m, t: 500), "hang-up": dict(fault=lambda m, t: 0),
                  "page": dict(fault=lambda m, t: 200, page=("text/html", b"<html>welcome</html>")),
                  "other body": dict(change=lambda m, t, body: body.replace(b"touch ran", b"touch other")),
                  "silence": dict(change=lambda m, t, body: time.sleep(4) or body)}
        for name, how in faults.items():
            proxy = Proxy(self.api.url, **how)
            self.addCleanup(proxy.stop)
            with self.subTest(fault=name):
                self.everywhere("NOT RUN", "--deadline", "2s", hosts=["claude-code", "gemini-cli"], COUNTERSIGN_URL=proxy.url)

    def test_AGrantOfAnotherKeyIsNotBelieved(self):
        text = self.input("claude-code", tool_name="Read")
        self.denies("claude-code", self.hook(text, "--grant-key", "another"), "COUNTERSIGN_GRANT_KEYS")

    def test_WhatIsNotRecognisedBlocksInEveryHost(self):
        claude = HOOKS["claude-code"]
        inputs = {"nothing": "", "cut": self.input("claude-code")[:-9], "no JSON": "PreToolUse", "a list": "[1]", "empty": "{}",
                  "two objects": self.input("codex") * 2, "other event": json.dumps({**claude, "hook_event_name": "Stop"}),
                  "marks of two": json.dumps({**claude, "toolName": "bash"}),
                  "no session": json.dumps({**claude, "session_id": ""}), "no tool": json.dumps({**claude, "tool_name": ""}),
                  "input is text": json.dumps({**claude, "tool_input": "rm"}), "no UTF-8": b'{"session_id":"\xff"}',
                  "twice": self.input("claude-code").replace('"cwd"', '"tool_name": "Read", "cwd"'),
                  "big number": self.input("claude-code", tool_input={"n": 12345678901234567890}),
                  "deep": '{"a":' * 100 + "1" + "}" * 100, "huge": self.input("claude-code", tool_input={"a": "x" * 5_000_000})}
        for name, text in inputs.items():
            with self.subTest(input=name):
                ended = self.hook(text)
                self.assertEqual(ended[0], 2, ended)
                self.assertNotEqual(ended[2], "")
                for host in HOOKS:
                    self.blocks(host, ended)

    def test_WhatTheServerDoesNotTakeDenies(self):
        for more in ({"tool_input": {"$commit": "x"}}, {"tool_input": {"a": "x" * 300_000}}, {"cwd": "/a\nb"}):
            with self.subTest(more=list(more)):
                self.denies("claude-code", self.hook(self.input("claude-code", **more)), "NOT RUN")

    def test_OutputsThatCannotBeWrittenBlock(self):
        redirects = {"stdout closed": '"$@" >&-', "stdout full": '"$@" >/dev/full', "stderr closed": '"$@" 2>&-',
                     "stderr full": '"$@" 2>/dev/full'}
        for name, shell in redirects.items():
            for host in HOOKS:
                with self.subTest(case=name, host=host):
                    self.blocks(host, self.hook(self.input(host), "--deadline", "1s", shell=shell,
                                                COUNTERSIGN_URL="http://127.0.0.1:9"))
        # What could not be told that it may run does not.
        for shell in ('"$@" >&-', '"$@" >/dev/full'):
            ended = self.hook(self.input("claude-code", tool_name="Read"), shell=shell)
            self.assertEqual(ended[0], 2, ended)

    def test_WithoutMemoryOrDescriptorsItBlocks(self):
        seen = set()
        for kilobytes in (60_000, 90_000, 120_000, 160_000, 240_000, 400_000):
            # Where the system cannot even load the program (a library of ours may crash as it starts), nothing of
            # ours decides: that is the host's to see.
            if subprocess.run(["bash", "-c", f'ulimit -v {kilobytes}; "$0" --version', binary()],
                              capture_output=True).returncode != 0:
                continue
            ended = self.hook(self.input("gemini-cli", tool_input={"command": "x" * 200_000}), "--deadline", "1s",
                              shell=f'ulimit -v {kilobytes}; "$@"')
            seen.add(ended[0])
            self.blocks("gemini-cli", ended)
        self.assertEqual(seen, {2})
        for descriptors in (4, 5, 6, 7, 8):
            with self.subTest(descriptors=descriptors):
                ended = self.hook(self.input("codex"), "--deadline", "1s", shell=f'ulimit -n {descriptors}; "$@"')
                if ended[0] != 127:
                    self.blocks("codex", ended)

    def test_ASignalThatCanBeCaughtBlocks(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGSEGV,
                       signal.SIGABRT, signal.SIGFPE, signal.SIGXCPU):
            with self.subTest(number=number):
                child = self.start("--deadline", "50s")
                child.stdin.write(self.input("claude-code", tool_input={"command": f"touch {number}"}).encode())
                child.stdin.close()
                wait_until("a request", lambda: [r for r in self.pending() if r["parameters"]["command"].endswith(f" {number}")])
                child.send_signal(number)
                code = child.wait(10)
                ended = code, child.stdout.read().decode(), child.stderr.read().decode()
                child.stdout.close(), child.stderr.close()
                self.denies("claude-code", ended, "NOT RUN")
        child = self.start()  # before it has read anything
        time.sleep(0.3)
        child.send_signal(signal.SIGTERM)
        out, error = child.communicate(timeout=10)
        self.assertEqual((child.returncode, out), (2, b""))
        self.assertIn(b"NOT RUN", error)

    def test_AnInterruptedHookTakesItsRequestBack(self):
        child = self.start("--deadline", "50s")
        child.stdin.write(self.input("claude-code").encode())
        child.stdin.close()
        [request] = wait_until("a request", self.pending)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(10), 2)
        child.stdout.close(), child.stderr.close()
        self.assertEqual(self.api.show(request["id"])["state"], "cancelled")

    def test_AnInputThatNeverEndsIsNotWaitedForLong(self):
        child = self.start()
        child.stdin.write(b'{"session_id"')
        child.stdin.flush()
        self.assertEqual(child.wait(20), 2)
        self.assertIn(b"did not end in time", child.stderr.read())
        child.stdin.close(), child.stdout.close(), child.stderr.close()

    def test_TheDeadlineHoldsWhenTheServerVanishesMeanwhile(self):
        proxy = Proxy(self.api.url)
        child = self.start("--deadline", "4s", COUNTERSIGN_URL=proxy.url)
        begun = time.monotonic()
        child.stdin.write(self.input("claude-code").encode())
        child.stdin.close()
        wait_until("a request", self.pending)
        proxy.stop()
        code = child.wait(20)
        self.assertLess(time.monotonic() - begun, 9)
        ended = code, child.stdout.read().decode(), child.stderr.read().decode()
        child.stdout.close(), child.stderr.close()
        self.denies("claude-code", ended, "NOT RUN")


class OverHttp(HookTest):
    """POST /hooks/claude: each answer is 200 with a decision, since Claude Code runs the tool after any other."""

    def post(self, more=None, query="?wait=1", token=None, body=None):
        text = body if body is not None else self.input("claude-code", **(more or {})).encode()
        fields = {"Content-Type": "application/json", "Authorization": f"Bearer {token or self.api.token}"}
        return http("POST", f"{self.api.url}/hooks/claude{query}", text, {k: v for k, v in fields.items() if token != ""})

    def denied(self, reply, words):
        self.assertEqual(reply.status, 200, reply.body)
        self.assertTrue(denies("claude-code", reply.json), reply.body)
        self.assertIn(words, reply.json["hookSpecificOutput"]["permissionDecisionReason"])

    def test_WhatIsAllowedRunsAndWhatIsAskedWaits(self):
        for _ in range(3):
            reply = self.post({"tool_name": "Read"})
            self.assertEqual((reply.status, reply.json), (200, {}))
        claimed = [r for r in self.api.call("GET", "/v1/requests?state=claimed&limit=200").json["requests"]
                   if r["labels"].get("session") == self.session]
        self.assertEqual(len(claimed), 3)
        self.denied(self.post(), "Repeat exactly the same call")
        [request] = self.pending()
        self.denied(self.post(), f"#{request['number']}")
        self.workspace.approve("amy", request["id"])
        self.api.reaches(request["id"], "approved")
        self.assertEqual(self.post().json, {})
        self.denied(self.post(query="?wait=0"), "waits for people")
        [again] = self.pending()
        self.workspace.with_reason("ben", again["id"], "deny", "twice is enough")
        self.api.reaches(again["id"], "denied")
        self.denied(self.post(), "twice is enough")
        self.denied(self.post({"tool_name": "Write"}), "refused by policy")

    def test_EveryFailureIsADenial(self):
        self.denied(self.post(token="cst_wrong"), "NOT RUN")
        self.denied(self.post(token=""), "NOT RUN")
        self.denied(self.post(body=b" " * 400_000), "NOT RUN")
        self.denied(self.post(query="?wait=soon"), "seconds")
        self.denied(self.post(query="?nonsense=1"), "nonsense")
        self.denied(self.post(body=b"{"), "cannot be read")
        self.denied(self.post(body=self.input("codex").encode()), "Claude Code")
        self.denied(self.post({"tool_input": {"$commit": "x"}}), "NOT RUN")
        self.denied(self.post({"tool_input": {"a": "x" * 280_000}}), "NOT RUN")

    def test_WhatIsSaidAfterwardsIsTheOutcome(self):
        for name in ("Read", "Read", "Read"):
            self.assertEqual(self.post({"tool_name": name}).json, {})
        after = {"tool_name": "Read", "tool_response": {"stdout": "", "interrupted": False}}
        self.assertEqual(self.post({**after, "hook_event_name": "PostToolUse"}).json, {})
        self.assertEqual(self.post({**after, "hook_event_name": "PostToolUseFailure"}).json, {})
        self.assertEqual(self.post({**after, "hook_event_name": "PostToolUse", "session_id": "another"}).json, {})
        states = {r["number"]: r["state"] for r in self.api.call("GET", "/v1/requests?limit=200").json["requests"]
                  if r["labels"].get("session") == self.session}
        self.assertEqual([states[n] for n in sorted(states)], ["succeeded", "failed", "claimed"])

    def test_TwoCallsDoNotShareOneApproval(self):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.post(query="?wait=8"))) for _ in range(2)]
        for thread in threads:
            thread.start()
        [request] = wait_until("a request", self.pending)
        time.sleep(1)
        self.workspace.approve("amy", request["id"])
        for thread in threads:
            thread.join(30)
        self.assertEqual(sorted(len(reply.json) for reply in answers), [0, 1])
