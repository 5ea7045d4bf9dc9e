"""`countersign run` as a wrapper that a command does not notice, and what client verbs do when things around them are not
as they should be: signals, terminals, descriptors, outputs that cannot be written, proxies that answer for the server."""
import json
import os
import pathlib
import pty
import re
import signal
import time
import unittest

from process import SEARCH_PATH, Program, binary, wait_until
from proxy import Proxy
from test_requests import DevTest

FREE = ["run", "--action", "x", "--environment", "dev"]  # the sample policy allows it without asking anybody
HUGE = 600 * 1024 * 1024


class RunTest(DevTest):
    def write(self, name, text, mode=0o755):
        path = self.folder.write(name, text)
        os.chmod(path, mode)
        return path

    def shell(self, script, **more):
        """A line of shell in which $c is the binary."""
        program = Program(["-c", script], {**self.client.environment, "c": os.path.abspath(binary()), **more}, program="bash")
        self.addCleanup(program.kill)
        return program

    def free(self, *arguments, **more):
        return self.client.run(*FREE, *arguments, **more)

    def ask(self, *arguments):
        run = self.client.start("run", "--action", "deploy.api", *arguments)
        self.addCleanup(run.kill)
        return run, run.line(r"filed .*\((req_\w+)\)").group(1)

    def newest(self, action):
        return json.loads(self.client.run("list", "--action", action, "--json", "--limit", "1").out[0])[0]


class Signals(RunTest):
    def test_AnInterruptAtAnyMomentRunsNothingAndLeavesNothingApproved(self):
        huge = os.path.join(self.folder.path, "huge")
        with open(huge, "wb") as file:
            file.truncate(HUGE)
        marker = os.path.join(self.folder.path, "ran")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
            for pause in (0.0, 0.4, 1.2):
                with self.subTest(number=number, pause=pause):
                    run, request = self.ask("--attach", huge, "--", "touch", marker)
                    self.workspace.approve("amy", request)
                    run.line("was approved")
                    time.sleep(pause)
                    if not run.running() or os.path.exists(marker):
                        continue  # it was quicker than the signal
                    run.signal(number)
                    code = run.wait()
                    if os.path.exists(marker):
                        os.remove(marker)
                        self.assertIn(code, (0, 128 + number), "the signal was the command's")
                        continue
                    self.assertIn(code, (13, 128 + number), run.text())
                    self.assertIn(self.api.show(request)["state"], ("cancelled", "failed"), run.text())

    def test_OneThatIsInterruptedWhileItFilesLeavesNothingPending(self):
        slow = Proxy(self.api.url, change=lambda method, target, body: time.sleep(1.5) or body)
        self.addCleanup(slow.stop)
        run = self.client.start("run", "--action", "deploy.filing", "--", "true", environment={"COUNTERSIGN_URL": slow.url})
        self.addCleanup(run.kill)
        time.sleep(0.7)
        run.signal(signal.SIGTERM)
        self.assertIn(run.wait(), (13, 143), run.text())
        listed = json.loads(self.client.run("list", "--action", "deploy.filing", "--json").out[0])
        self.assertNotIn("pending", [request["state"] for request in listed])

    def test_WhoInterruptsTheFilingOfARequestIsToldWhetherItGoesOn(self):
        slow = Proxy(self.api.url, change=lambda method, target, body: time.sleep(1.5) or body)
        self.addCleanup(slow.stop)
        request = self.client.start("request", "--action", "deploy.api", environment={"COUNTERSIGN_URL": slow.url})
        self.addCleanup(request.kill)
        time.sleep(0.7)
        request.signal(signal.SIGINT)
        self.assertEqual(request.wait(), 130, request.text())
        self.assertRegex(request.text(), r"#\d+ deploy.api goes on, take it back with `countersign cancel \d+`")

    def test_NohupIsNotUndone(self):
        ready = os.path.join(self.folder.path, "nohup")
        run = self.shell(f"trap '' HUP; exec $c {' '.join(FREE)} -- sh -c 'touch {ready}; kill -HUP $$; sleep 0.5; exit 3'")
        wait_until("the command", lambda: os.path.exists(ready))
        run.signal(signal.SIGHUP)
        self.assertEqual(run.wait(), 3, run.text())
        run = self.shell("trap '' HUP; exec $c run --action deploy.api -- sh -c 'exit 4'")
        request = run.line(r"filed .*\((req_\w+)\)").group(1)
        run.signal(signal.SIGHUP)
        self.workspace.approve("amy", request)
        self.assertEqual(run.wait(), 4, "it goes on waiting, too: " + run.text())

    def test_AnIgnoredSigchldIsHandedOnAndHangsNothing(self):
        start = "import os, signal, sys; [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGCHLD, signal.SIGPIPE)]; os.execv(sys.argv[1], sys.argv[1:])"
        run = Program(["-c", start, os.path.abspath(binary()), *FREE, "--", "grep", "SigIgn", "/proc/self/status"],
                      self.client.environment, program="python3")
        self.addCleanup(run.kill)
        self.assertEqual(run.wait(), 0, run.text())
        ignored = int(run.out[0].split()[1], 16)
        self.assertEqual([number for number in (signal.SIGCHLD, signal.SIGPIPE) if not ignored >> (number - 1) & 1], [])

    def terminal(self, *arguments, **more):
        """The verb as leader of a session on a terminal of its own, as `ssh -t` starts it: (pid, master)."""
        environment = {**os.environ, **self.client.environment, **more}
        pid, master = pty.fork()
        if pid == 0:
            os.execve(binary(), [binary(), *arguments], environment)
        return pid, master

    def code(self, pid):
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_WhatTheTerminalSendsArrivesOnce(self):
        count = os.path.join(self.folder.path, "count")
        pid, master = self.terminal(*FREE, "--", "bash", "-c", f"trap 'echo x >>{count}' INT; touch {count}; trap 'exit 6' USR2;"
                                                                "while :; do sleep 0.05; done")
        wait_until("the command", lambda: os.path.exists(count))
        os.write(master, b"\x03")
        wait_until("the ^C", lambda: os.path.getsize(count))
        time.sleep(0.3)
        os.kill(pid, signal.SIGUSR2)
        self.assertEqual(self.code(pid), 6)
        self.assertEqual(pathlib.Path(count).read_text(), "x\n")
        os.close(master)

    def test_ASignalByNameReachesTheCommand(self):
        def named(group, word):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    if os.getpgid(int(pid)) == group and any(word in pathlib.Path("/proc", pid, file).read_bytes() for file in ("comm", "cmdline")):
                        yield int(pid)
                except OSError:
                    pass  # it has ended meanwhile

        for word in (b"countersign", b"run", b"--environment"):
            with self.subTest(word):
                ready = os.path.join(self.folder.path, f"named-{word.decode()}")
                pid, master = self.terminal(*FREE, "--", "bash", "-c", "trap 'exit 9' TERM; >$READY; while :; do sleep 0.05; done", READY=ready)
                self.addCleanup(os.close, master)
                wait_until("the command", lambda: os.path.exists(ready))
                found = list(named(pid, word))
                for each in found or [pid]:
                    os.kill(each, signal.SIGTERM)  # as pkill does it, one after the other
                wait_until("its end", lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
                self.assertEqual((self.code(pid), found), (9, [pid]))

    def test_AHangupThatOnlyTheSessionsLeaderIsToldOfReachesTheCommand(self):
        ready = os.path.join(self.folder.path, "hangup")
        pid, master = self.terminal(*FREE, "--", "bash", "-c", f"trap 'exit 7' HUP; touch {ready}; while :; do sleep 0.05; done")
        wait_until("the command", lambda: os.path.exists(ready))
        os.close(master)
        self.assertEqual(self.code(pid), 7)

    def test_AStoppedJobIsContinuedByItsShell(self):
        done = os.path.join(self.folder.path, "fg")
        script = (f"set -m; $c {' '.join(FREE)} -- bash -c 'kill -TSTP $$; echo on >{done}; exit 8' ; echo stopped $?; "
                  "fg >/dev/null; echo ended $?")
        pid, master = pty.fork()
        if pid == 0:
            os.execve("/bin/bash", ["bash", "-c", script], {**os.environ, **self.client.environment, "c": os.path.abspath(binary())})
        said = b""
        try:
            while chunk := os.read(master, 4096):
                said += chunk
        except OSError:
            pass  # the terminal's end, as Linux tells it
        self.code(pid)
        os.close(master)
        self.assertIn(b"stopped 148", said)
        self.assertIn(b"ended 8", said)
        self.assertEqual(pathlib.Path(done).read_text(), "on\n")


class Surroundings(RunTest):
    def test_NoSecretAndNoDescriptorOfOursReachesTheCommand(self):
        run = self.free("--", "sh", "-c", "env; tr '\\0' '\\n' </proc/$PPID/environ; ls -l /proc/$$/fd")
        self.assertEqual(run.code, 0, run.text())
        self.assertNotIn(self.api.token, run.text())
        self.assertNotIn("COUNTERSIGN_TOKEN=", run.text())
        self.assertNotIn("socket:", run.text())
        self.assertEqual([line.split()[-3] for line in run.out if " -> " in line], ["0", "1", "2"])

    def test_DescriptorsThatWereOpenStayOpenAndClosedOnesClosed(self):
        run = self.shell(f"exec $c {' '.join(FREE)} -- sh -c 'echo kept >&5; test -e /proc/$$/fd/0 || echo closed' 5>&1 <&-")
        self.assertEqual((run.wait(), run.out), (0, ["kept", "closed"]), run.text())

    def test_DotDotBehindALinkIsResolvedAsTheKernelDoes(self):
        for name in ("near/deep", "far"):
            os.makedirs(os.path.join(self.folder.path, name))
        os.symlink(os.path.join(self.folder.path, "near/deep"), os.path.join(self.folder.path, "far/sub"))
        self.write("near/tool", "#!/bin/sh\necho near\n")
        self.write("far/tool", "#!/bin/sh\necho far\n")
        run = self.shell(f"cd {self.folder.path}/far && exec $c {' '.join(FREE)} -- sub/../tool")
        self.assertEqual((run.wait(), run.out), (0, ["near"]), run.text())

    def test_AFileThatAnArgumentNamesMustNotChange(self):
        job = self.write("job.py", "print('one')")
        run, request = self.ask("--", "python3", job)
        self.assertRegex(self.api.show(request)["parameters"]["attachments"][job], "^[0-9a-f]{64}$")
        pathlib.Path(job).write_text("print('two')")
        self.workspace.approve("amy", request)
        self.assertEqual((run.wait(), run.out), (14, []), run.text())
        self.assertIn("job.py", run.text())
        self.assertEqual(self.api.show(request)["state"], "cancelled", "nothing that cannot be run stays approved")
        run, request = self.ask("--no-attach-arguments", "--", "python3", job)
        filed = self.api.show(request)["parameters"]
        self.assertEqual((filed["attachments"], filed["attach_arguments"]), ({}, False))
        pathlib.Path(job).write_text("print('three')")
        self.workspace.approve("amy", request)
        self.assertEqual((run.wait(), run.out), (0, ["three"]), run.text())

    def test_ASwapDuringTheLastLookNeverRunsWhatWasNotApproved(self):
        huge = os.path.join(self.folder.path, "attached")
        with open(huge, "wb") as file:
            file.truncate(HUGE)
        for pause in (0.2, 0.8, 1.6):
            with self.subTest(pause):
                job = self.write("job.sh", "#!/bin/sh\necho approved\n")
                other = self.write("other.sh", "#!/bin/sh\necho swapped\n")
                run, request = self.ask("--attach", huge, "--", job)
                self.workspace.approve("amy", request)
                run.line("was approved")
                time.sleep(pause)
                os.replace(other, job)
                code = run.wait()
                self.assertIn((code, run.out), ((0, ["approved"]), (14, [])), run.text())

    def test_AVariableThatIsSetTwiceIsRefused(self):
        start = ("import ctypes, sys; words = [word.encode() for word in sys.argv[1:]] + [None]; pairs = [b'PATH=/bin', b'PATH=/tmp', None];"
                 "ctypes.CDLL(None).execve(words[0], (ctypes.c_char_p * len(words))(*words), (ctypes.c_char_p * 3)(*pairs))")
        run = Program(["-c", start, os.path.abspath(binary()), *FREE, "--", "true"], program="python3")
        self.addCleanup(run.kill)
        self.assertEqual(run.wait(), 2, run.text())
        self.assertIn("set twice", run.text())

    def test_PathAndLoaderVariablesAreFiled(self):
        run = self.free("--", "true", environment={"LD_BIND_NOW": "1", "BASH_ENV": "/dev/null"})
        self.assertEqual(run.code, 0, run.text())
        env = self.newest("x")["parameters"]["env"]
        self.assertEqual((env["LD_BIND_NOW"], env["BASH_ENV"], env["PATH"]), ("1", "/dev/null", SEARCH_PATH))

    def test_WhatCannotBeStartedIsSaidBeforeAnybodyIsAsked(self):
        fifo = os.path.join(self.folder.path, "fifo")
        os.mkfifo(fifo)
        huge = os.path.join(self.folder.path, "too-huge")
        with open(huge, "wb") as file:
            file.truncate(5 << 30)
        cases = [
            (["--", self.write("plain", "#!/bin/sh\n", 0o644)], 126, "chmod"),
            (["--", self.folder.path], 126, "directory"),
            (["--", fifo], 126, "FIFO"),
            (["--", self.write("bare", "echo ran\n")], 126, "#!/bin/sh"),
            (["--", self.write("lost", "#!/no/such/interpreter\n")], 126, "/no/such/interpreter"),
            (["--", self.write("dos", "#!/bin/sh\r\necho\r\n")], 126, "carriage return"),
            (["--", self.write("env", "#!/usr/bin/env no-such-thing\n")], 126, "no-such-thing"),
            (["--", "countersign-no-such-command"], 127, "command not found"),
            (["--attach", fifo, "--", "true"], 2, "not a regular file"),
            (["--attach", "/dev/zero", "--", "true"], 2, "not a regular file"),
            (["--attach", self.folder.path, "--", "true"], 2, "not a regular file"),
            (["--attach", huge, "--", "true"], 2, "too large"),
            (["--env", "COUNTERSIGN_TOKEN", "--", "true"], 2, "no command is given"),
        ]
        filed = lambda: [request["id"] for request in json.loads(self.client.run("list", "--action", "deploy.api", "--json").out[0])]
        before = filed()
        for arguments, code, word in cases:
            with self.subTest(arguments):
                run = self.client.run("run", "--action", "deploy.api", *arguments, seconds=20)
                self.assertEqual(run.code, code, run.text())
                self.assertIn(word, run.text())
        self.assertEqual(filed(), before)


class Outputs(RunTest):
    def test_AStandardErrorThatCannotBeWrittenChangesNothing(self):
        request = self.api.open("db.export", environment="dev")["id"]
        for to in ("2>/dev/full", "2>&-", "2> >(exec true)"):
            for verb, code in ((f"{' '.join(FREE)} -- sh -c 'exit 9'", 9), (f"wait {request}", 0), ("show nonsense", 2),
                               ("nonsense", 2), ("run --action x --unreachable-after 1s -- true", 20)):
                more = {"COUNTERSIGN_URL": "http://127.0.0.1:9"} if code == 20 else {}
                with self.subTest(to=to, verb=verb):
                    run = self.shell(f"sleep 0.1; exec $c {verb} {to}", **more)
                    self.assertEqual(run.wait(), code, run.text())

    def test_AStandardOutputThatCannotBeWrittenIsNoSuccess(self):
        request = self.api.open("db.export", environment="dev")["id"]
        policy = os.path.join(self.dev.home, "policy.yaml")
        for verb in ("list", "list --json", f"show {request}", f"show {request} --json", f"wait {request} --json", "--help",
                     "run --help", "--version", "request --action x --environment dev", "token list", f"policy test {policy}"):
            for to in (">/dev/full", ">&-"):
                with self.subTest(verb=verb, to=to):
                    run = self.shell(f"exec $c {verb} {to}", COUNTERSIGN_HOME=self.dev.home)
                    self.assertEqual(run.wait(), 1, run.text())
                    self.assertIn("standard output", run.text())

    def test_AReaderThatHasGoneEndsAVerbAsItEndsOthers(self):
        run = self.shell("set -o pipefail; { sleep 0.2; $c list --json; } | true")
        self.assertEqual((run.wait(), run.err), (128 + signal.SIGPIPE, []), run.text())

    def test_ATokenThatNobodyCouldReadIsRevoked(self):
        for to in (">/dev/full", ">&-", "> >(exec true)"):
            for form in ("", "--json"):
                with self.subTest(to=to, form=form):
                    run = self.shell(f"exec $c token create --name lost --scope read {form} {to}", COUNTERSIGN_HOME=self.dev.home)
                    if run.wait() == 0 and "(exec" in to:
                        continue  # the pipe took it before its reader had gone
                    self.assertEqual(run.wait(), 1, run.text())
                    self.assertIn("revoked", run.text())
        listed = self.client.run("token", "list", "--json", environment={"COUNTERSIGN_HOME": self.dev.home})
        lost = [token for token in json.loads(listed.out[0]) if token["name"] == "lost"]
        self.assertGreaterEqual(len([token for token in lost if token["revoked_at"]]), 4)


class Answers(RunTest):
    def proxy(self, **how):
        made = Proxy(self.api.url, **how)
        self.addCleanup(made.stop)
        return {"COUNTERSIGN_URL": made.url}

    def test_AnAnswerThatIsNoneOfOursIsNoAnswer(self):
        request = self.api.open("db.export", environment="dev")["id"]
        for status in (200, 201, 403, 404):
            for page in (("text/html", b"<h1>Log in</h1>"), ("application/json", b'{"ok":true}'), ("application/json", b"[]"),
                         ("application/json", b"null"), ("text/plain", b"")):
                there = self.proxy(fault=lambda method, target, status=status: status, page=page)
                for verb in (["wait", request, "--unreachable-after", "1s"], ["run", "--action", "x", "--unreachable-after", "1s", "--", "true"],
                             ["request", "--action", "x", "--wait", "--unreachable-after", "1s"]):
                    with self.subTest(status=status, page=page, verb=verb[0]):
                        run = self.client.run(*verb, environment=there)
                        self.assertEqual((run.code, run.out), (20, []), run.text())
                        self.assertIn("is not Countersign", run.text())
                        self.assertNotIn("approved", run.text())
        there = self.proxy(fault=lambda method, target: 200, page=("application/json", b'{"ok":true}'))
        for verb in (["show", request], ["list"], ["cancel", request]):
            with self.subTest(verb):
                run = self.client.run(*verb, environment=there)
                self.assertEqual((run.code, run.out), (20, []), run.text())

    def test_AClaimOrAnOutcomeThatAProxyAnsweredIsTriedAgain(self):
        for part in ("claim", "outcome", "jwks"):
            faults = [200, 404, 200]
            there = self.proxy(fault=lambda method, target, part=part, faults=faults: faults.pop() if part in target and faults else None,
                               page=("application/json", b'{"ok":true}'))
            with self.subTest(part):
                run = self.free("--", "sh", "-c", "exit 3", environment=there)
                self.assertEqual((run.code, faults), (3, []), run.text())
                self.assertEqual(self.newest("x")["state"], "failed")

    def test_NobodyWaitsLongerThanTheirPatienceBecauseAnAnswerAsksForIt(self):
        request = self.api.open("db.export", environment="dev")["id"]
        short = ["--unreachable-after", "2s"]
        for status in (429, 503):
            there = self.proxy(fault=lambda method, target, status=status: status, retry_after=3600)
            for verb in (["show", request], ["list"], ["cancel", request], ["wait", request, *short],
                         ["run", "--action", "x", *short, "--", "true"]):
                with self.subTest(status=status, verb=verb[0]):
                    run = self.client.run(*verb, environment=there, seconds=30)
                    self.assertEqual((run.code, run.out), (20, []), run.text())
                    self.assertIn(str(status), run.text())

    def test_ARedirectionIsNotFollowed(self):
        run = self.client.run("list", environment=self.proxy(fault=lambda method, target: 302))
        self.assertEqual(run.code, 2, run.text())
        self.assertIn("COUNTERSIGN_URL", run.text())

    def test_APollThatAProxyCutsIsNoOutage(self):
        there = self.proxy(cut_after=2)
        run = self.client.start("run", "--action", "deploy.api", "--unreachable-after", "3s", "--", "echo", "ran", environment=there)
        self.addCleanup(run.kill)
        request = run.line(r"filed .*\((req_\w+)\)").group(1)
        time.sleep(6)
        self.workspace.approve("amy", request)
        self.assertEqual((run.wait(), run.out), (0, ["ran"]), run.text())
        self.assertNotIn("trying again", run.text())

    def test_PlainHttpToAnotherMachineIsSaid(self):
        for url, said in (("http://192.0.2.1:1", True), ("http://127.0.0.1:9", False)):
            run = self.client.run("request", "--action", "x", "--unreachable-after", "1s", environment={"COUNTERSIGN_URL": url})
            self.assertEqual(run.code, 20, run.text())
            self.assertEqual("plain http" in run.text(), said, run.text())

    def test_APinnedKeyIsTheOnlyOneThatIsTrusted(self):
        keys = self.api.call("GET", "/.well-known/jwks.json").json["keys"]
        run = self.free("--", "echo", "ran", environment={"COUNTERSIGN_GRANT_KEYS": "another, " + keys[0]["kid"]})
        self.assertEqual((run.code, run.out), (0, ["ran"]), run.text())
        run = self.free("--", "echo", "ran", environment={"COUNTERSIGN_GRANT_KEYS": "another"})
        self.assertEqual((run.code, run.out), (14, []), run.text())


class Words(RunTest):
    def test_ARequestIsNamedByItsNumberInEveryVerb(self):
        request = self.api.open("deploy.numbered")
        for name in (str(request["number"]), f"#{request['number']}", request["id"]):
            with self.subTest(name):
                self.assertIn(request["id"], self.client.run("show", name).text())
        wait = self.client.start("wait", f"#{request['number']}", "--json")
        self.addCleanup(wait.kill)
        self.workspace.approve("cat", request["id"])
        self.assertEqual(wait.wait(), 0, wait.text())
        self.assertEqual(self.client.run("cancel", f"#{request['number']}").code, 0)
        self.assertEqual(self.api.show(request["id"])["state"], "cancelled")
        for verb in ("show", "wait", "cancel"):
            self.assertEqual(self.client.run(verb, "999999").code, 2)

    def test_AMisspeltVerbOrOptionNamesTheNearest(self):
        for words, near in ((["lits"], "list"), (["tokn", "create"], "token"), (["token", "crate"], "create"), (["rum", "--help"], "run"),
                            (["run", "--acton", "x", "--", "true"], "--action"), (["list", "--sate", "pending"], "--state"),
                            (["policy", "chekc", "x"], "check")):
            with self.subTest(words):
                run = self.client.run(*words)
                self.assertEqual((run.code, run.out), (2, []), run.text())
                self.assertIn(f"did you mean {near}?", run.text())
                self.assertEqual(len(run.err), 1)
        unknown = self.client.run("qqqqqq", "--help")
        self.assertEqual((unknown.code, unknown.out), (2, []))
        self.assertIn("run", unknown.text())

    def test_WhatIsMissingIsSaidWithTheHelpThatTells(self):
        for words, said in (([], "`countersign` needs one of serve"), (["token"], "`countersign token` needs one of create, list, revoke"),
                            (["audit"], "see `countersign audit --help`"), (["show"], "ID is required; see `countersign show --help`"),
                            (["run", "--action", "x"], "see `countersign run --help`")):
            with self.subTest(words):
                run = self.client.run(*words)
                self.assertEqual((run.code, run.out), (2, []), run.text())
                self.assertIn(said, run.text())

    def test_HelpIsAVerbToo(self):
        self.assertEqual(self.client.run("help", "run").out, self.client.run("run", "--help").out)
        self.assertEqual(self.client.run("help").out, self.client.run("--help").out)

    def test_RunSaysInWhichChannelPeopleAreAsked(self):
        run, request = self.ask("--", "true")
        self.assertIn(f"({request}); people are asked in #approvals", run.text())
        self.assertIn({"chat": "slack", "channel": "#approvals"}, self.api.show(request)["cards"])
        self.assertRegex(self.client.run("show", request).text(), r"asked in +#approvals")
        self.assertIn("#approvals", self.client.run("request", "--action", "deploy.api").text())
        self.api.call("POST", f"/v1/requests/{request}/cancel")
        run.wait()
        self.assertNotIn("cards", self.api.show(request))

    def test_TimesForPeopleAreInSeconds(self):
        request = self.api.open("deploy.times")
        wait = self.client.start("wait", request["id"])
        self.addCleanup(wait.kill)
        wait.line("until")
        self.assertRegex(wait.text(), r"until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)")
        shown = self.client.run("show", request["id"])
        self.assertFalse(re.search(r"\d\.\d+Z", shown.text()), shown.text())
        self.assertRegex(shown.text(), r"created +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


if __name__ == "__main__":
    unittest.main()
