"""examples/ as their users run them: against the real server, with people who click, and with the variables that each
CI system sets."""
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

import yaml

from github import JobTokens, issuers
from issuer import Issuer
from process import ROOT, Api, Parts, Program, TempFolder, wait_until
from proxy import Proxy

EXAMPLES = ROOT / "examples"
POLICY = """
  - name: quickly over
    when: { action: "quick.*" }
    require: { count: 1, of: reviewers }
    expires: 1s
"""


class ExamplesTest(unittest.TestCase):
    """One server for all tests of a class; some kill it and start it again."""

    @classmethod
    def setUpClass(cls):
        policy = (EXAMPLES / "policies" / "sample.yaml").read_text().replace("rules:\n", "rules:" + POLICY, 1)
        Parts.of(cls, policy)
        cls.proxy = Proxy(witness=Api.witness)
        cls.addClassCleanup(cls.proxy.stop)
        cls.configure()
        cls.parts.start()
        cls.proxy.server = cls.parts.url
        cls.parts.workspace.control("limits", {"limits": "off"})
        cls.api, cls.workspace = cls.parts.api, cls.parts.workspace

    @classmethod
    def configure(cls):
        """What the server is told beside the policy."""

    def environment(self, **more):
        return {"COUNTERSIGN_URL": self.proxy.url, "COUNTERSIGN_TOKEN": self.api.token, "COUNTERSIGN_PATIENCE": "30", **more}

    def filed(self, run):
        return run.line(r"filed \S+ \((req_\w+)\)", 20).group(1)

    def reaches(self, request, state):
        return self.api.reaches(request, state)


class Runs:
    """What all three promise. `command`: how the example is started."""

    def start(self, *arguments, action="deploy.api", environment=None, **variables):
        more = ["--environment", environment] if environment else []
        program, *before = self.command
        self.run_ = Program([*before, "--action", action, *more, *arguments], self.environment(**variables), program=program)
        self.addCleanup(self.run_.kill)
        return self.run_

    def asks(self, *arguments, **more):
        run = self.start(*arguments, **more)
        return run, self.filed(run)

    def test_WhatPeopleApproveIsRunAndItsOutcomeTold(self):
        run, request = self.asks("--resource", "svc/api", "--intent", 'for "v2"\\', "--", "sh", "-c", "echo ran; exit 7",
                                 environment="production")
        self.workspace.approve("amy", request)
        self.assertEqual((run.wait(), run.out), (7, ["ran"]), run.text())
        shown = self.reaches(request, "failed")
        self.assertEqual(shown["outcome"]["detail"], "exit code 7")
        self.assertEqual((shown["resource"], shown["environment"], shown["intent"]), ("svc/api", "production", 'for "v2"\\'))
        self.assertEqual(shown["parameters"], {"argv": ["sh", "-c", "echo ran; exit 7"], "cwd": os.getcwd()})

    def test_TheDigestIsOfExactlyWhatRuns(self):
        words = ["it's", 'a "quoted" \\ word', "tab\tand\r\x01\x7f", "two\nlines\n", "", "grüße \u2028 \U0001f600", "</script>$(id)`id`"]
        run, request = self.asks("--", "printf", "<%s>", *words)
        self.workspace.approve("ben", request)
        self.assertEqual(run.wait(), 0, run.text())
        shown = self.reaches(request, "succeeded")
        self.assertEqual(shown["parameters"]["argv"], ["printf", "<%s>", *words])
        asked = {"action": "deploy.api", "parameters": shown["parameters"]}
        text = json.dumps(asked, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        self.assertEqual(shown["digest"], "sha256:" + hashlib.sha256(text.encode()).hexdigest())

    def test_DeniedIs10(self):
        run, request = self.asks("--", "echo", "ran")
        self.workspace.with_reason("cat", request, "deny", 'not "now"')
        self.assertEqual((run.wait(), run.out), (10, []), run.text())
        self.assertRegex(run.text(), r"denied.*not .*now")

    def test_RefusedByPolicyIs11(self):
        run, _ = self.asks("--", "echo", "ran", action="db.drop", environment="production")
        self.assertEqual((run.wait(), run.out), (11, []), run.text())
        self.assertIn("never dropped", run.text())

    def test_ExpiredIs12(self):
        run, _ = self.asks("--", "echo", "ran", action="quick.job")
        self.assertEqual((run.wait(), run.out), (12, []), run.text())

    def test_CancelledIs13(self):
        run, request = self.asks("--", "echo", "ran")
        self.api.call("POST", f"/v1/requests/{request}/cancel")
        self.assertEqual((run.wait(), run.out), (13, []), run.text())

    def test_AnInterruptedOneCancelsItsRequest(self):
        run, request = self.asks("--", "echo", "ran")
        wait_until("the wait", lambda: ("GET", f"/v1/requests/{request}") in self.waiting())
        run.signal(signal.SIGTERM)
        self.assertEqual((run.wait(), run.out), (13, []), run.text())
        self.assertEqual(self.api.show(request)["state"], "cancelled")

    def waiting(self):
        gauge = re.search(r"^countersign_waiters(?:\{[^}]*\})? (\d+)", self.api.call("GET", "/metrics").body, re.M)
        return [("GET", f"/v1/requests/{self.filed(self.run_)}")] if gauge and int(gauge.group(1)) else []

    def test_AServerThatIsStartedAgainIsWaitedFor(self):
        run, request = self.asks("--", "echo", "ran")
        self.workspace.card(request)
        self.parts.server.kill()
        run.line("trying again", 20)
        self.parts.start_server()
        self.assertTrue(self.workspace.approve("amy", request)["acked"])
        self.assertEqual((run.wait(), run.out), (0, ["ran"]), run.text())

    def test_AGatewayThatFailsForAWhileIsOutwaited(self):
        faults = {"POST": [502, 0, 429], "GET": [0, 503, 504]}
        gateway = Proxy(self.api.url, fault=lambda method, target: faults[method].pop(0) if faults[method] else None)
        self.addCleanup(gateway.stop)
        run, request = self.asks("--", "echo", "ran", COUNTERSIGN_URL=gateway.url)
        wait_until("the faults behind it", lambda: not any(faults.values()))
        faults["POST"] = [500]  # the claim
        self.workspace.approve("amy", request)
        self.assertEqual((run.wait(), run.out), (0, ["ran"]), run.text())

    def test_APollThatAProxyCutsIsNoOutage(self):
        gateway = Proxy(self.api.url, cut_after=2)
        self.addCleanup(gateway.stop)
        run, request = self.asks("--", "echo", "ran", COUNTERSIGN_URL=gateway.url, COUNTERSIGN_PATIENCE="3")
        time.sleep(6)  # longer than its patience
        self.workspace.approve("amy", request)
        self.assertEqual((run.wait(), run.out), (0, ["ran"]), run.text())
        self.assertNotIn("trying again", run.text())

    def test_AnAnswerThatIsNoneOfOursIsNoAnswer(self):
        for status, page in ((200, ("text/html", b"<h1>Log in</h1>")), (200, ("application/json", b'{"ok":true}')), (403, None),
                             (404, ("application/json", b"{}")), (201, ("application/json", b"[]"))):
            with self.subTest(status=status, page=page):
                gateway = Proxy(self.api.url, fault=lambda method, target: status, page=page)
                self.addCleanup(gateway.stop)
                run = self.start("--", "echo", "ran", COUNTERSIGN_URL=gateway.url, COUNTERSIGN_PATIENCE="1")
                self.assertEqual((run.wait(), run.out), (20, []), run.text())

    def test_AnAnswerOfAProxyInBetweenIsAskedForAgain(self):
        for part in ("/v1/requests", "claim", "req_"):
            faults = [200, 404]
            gateway = Proxy(self.api.url, page=("application/json", b'{"ok":true}'),
                            fault=lambda method, target: faults.pop() if faults and (target.endswith(part) or part in target[13:]) else None)
            self.addCleanup(gateway.stop)
            with self.subTest(part):
                run, request = self.asks("--", "echo", "ran", COUNTERSIGN_URL=gateway.url)
                self.workspace.approve("amy", request)
                self.assertEqual((run.wait(), run.out, faults), (0, ["ran"], []), run.text())

    def test_ItCanNameWhomItIsFor(self):
        run, request = self.asks("--on-behalf-of", "amy", "--on-behalf-of", "email:ben@example.com", "--", "echo", "ran")
        self.assertEqual(self.api.show(request)["on_behalf_of"], ["amy", "email:ben@example.com"])
        self.api.call("POST", f"/v1/requests/{request}/cancel")
        self.assertEqual(run.wait(), 13, run.text())

    def test_HelpIsNoError(self):
        program, *before = self.command
        run = Program([*before, "--help"], {}, program=program)
        self.assertEqual(run.wait(), 0, run.text())
        self.assertIn("--on-behalf-of", run.text())

    def test_TheCommandDoesNotGetTheToken(self):
        run, request = self.asks("--", "env")
        self.workspace.approve("amy", request)
        self.assertEqual(run.wait(), 0, run.text())
        self.assertNotIn(self.api.token, run.text())

    def test_OneThatDiedGoesOnWithItsRequest(self):
        key = f"job-{os.urandom(6).hex()}"
        first, request = self.asks("--", "echo", "ran", COUNTERSIGN_KEY=key)
        first.kill()
        second, again = self.asks("--", "echo", "ran", COUNTERSIGN_KEY=key)
        self.assertEqual(again, request)
        self.workspace.approve("cat", request)
        self.assertEqual((second.wait(), second.out), (0, ["ran"]), second.text())
        third = self.start("--", "echo", "ran", COUNTERSIGN_KEY=key)
        self.assertEqual((third.wait(), third.out), (14, []), third.text())

    def test_WhatWasChangedOnTheWayIs14(self):
        def change(method, target, body):
            return body.replace(b'"harmless"', b'"harmful!"') if target == "/v1/requests" else body
        liar = Proxy(self.api.url, change=change)
        self.addCleanup(liar.stop)
        run, request = self.asks("--", "echo", "harmless", COUNTERSIGN_URL=liar.url)
        self.assertEqual((run.wait(), run.out), (14, []), run.text())
        self.assertEqual(self.api.show(request)["state"], "cancelled")

    def test_AnApprovalThatSomebodyElseClaimedIs14(self):
        run, request = self.asks("--", "echo", "ran")
        run.signal(signal.SIGSTOP)
        self.workspace.approve("ben", request)
        digest = self.reaches(request, "approved")["digest"]
        claimed = self.api.call("POST", f"/v1/requests/{request}/claim", {"digest": digest})
        self.assertEqual(claimed.status, 200, claimed.body)
        run.signal(signal.SIGCONT)
        self.assertEqual((run.wait(), run.out), (14, []), run.text())

    def test_NobodyThereIs20(self):
        run = self.start("--", "echo", "ran", COUNTERSIGN_URL="http://127.0.0.1:9", COUNTERSIGN_PATIENCE="1")
        self.assertEqual((run.wait(), run.out), (20, []), run.text())
        self.assertIn("cannot reach", run.text())

    def test_WhatIsWrongWithTheCallIs2(self):
        for variables, arguments in (({"COUNTERSIGN_TOKEN": ""}, ["--", "echo", "ran"]), ({"COUNTERSIGN_TOKEN": "csk_x"}, ["--", "echo", "ran"]),
                                     ({}, ["--intent", "x" * 5_000, "--", "echo", "ran"]), ({}, ["--"]), ({}, ["--acton", "x"])):
            with self.subTest(arguments=arguments, **variables):
                run = self.start(*arguments, **variables)
                self.assertEqual((run.wait(), run.out), (2, []), run.text())
        self.assertNotIn(self.api.token, run.text())

    def test_TheTokenIsNoArgumentOfAnyProgram(self):
        run, request = self.asks("--", "echo", "ran")
        wait_until("the wait", self.waiting)
        seen = b"".join(path.read_bytes() for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if readable(path))
        self.assertNotIn(self.api.token.encode(), seen)
        self.api.call("POST", f"/v1/requests/{request}/cancel")
        run.wait()


def readable(path):
    try:
        path.read_bytes()
        return True
    except OSError:
        return False


class Shell(Runs, ExamplesTest):
    command = ["sh", str(EXAMPLES / "shell" / "countersign.sh")]


class Python(Runs, ExamplesTest):
    command = ["python3", str(EXAMPLES / "python" / "countersign.py")]


class Node(Runs, ExamplesTest):
    command = ["node", str(EXAMPLES / "node" / "countersign.mjs")]


class GitHub(ExamplesTest):
    @classmethod
    def configure(cls):
        cls.issuer = Issuer(cls.folder.path)
        cls.addClassCleanup(cls.issuer.stop)
        cls.parts.environment.update(issuers(cls.issuer, cls.proxy.url))

    def setUp(self):
        self.action = yaml.safe_load((EXAMPLES / "github-actions" / "action.yml").read_text())

    def value(self, text, inputs):
        """An expression as the runner works it out."""
        def one(match):
            kind, _, name = match.group(1).partition(".")
            known = {"inputs": inputs, "github": {"repository": "octo-org/shop"}}
            return known[kind][name]
        return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", one, text)

    def test_TheActionIsWellFormed(self):
        action = self.action
        self.assertEqual(set(action), {"name", "description", "inputs", "outputs", "runs"})
        self.assertEqual(action["runs"]["using"], "composite")
        for name, given in action["inputs"].items():
            self.assertLessEqual(set(given), {"description", "required", "default"}, name)
            self.assertTrue(given["description"])
            self.assertNotEqual(given["required"], "default" in given, f"{name}: either required or with a default")
        ids = {step["id"] for step in action["runs"]["steps"]}
        for step in action["runs"]["steps"]:
            self.assertEqual(set(step), {"id", "shell", "env", "run"})
            self.assertNotIn("${{", step["run"], "an expression in a script is an injection")
            used = set(re.findall(r"inputs\.([\w-]+)", json.dumps(step)))
            self.assertEqual(used, set(action["inputs"]))
        for output in action["outputs"].values():
            self.assertIn(re.search(r"steps\.(\w+)\.outputs", output["value"]).group(1), ids)

    def job(self, gives=True, **inputs):
        oidc = JobTokens(self.issuer, gives)
        self.addCleanup(oidc.stop)
        inputs = {name: inputs.get(name, self.value(given.get("default", ""), {})) for name, given in self.action["inputs"].items()}
        step = self.action["runs"]["steps"][0]
        files = {name: self.folder.write(name.lower(), "") for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        variables = {
            **{name: self.value(text, inputs) for name, text in step["env"].items()}, **files,
            "GITHUB_ACTIONS": "true", "GITHUB_ACTION_PATH": str(EXAMPLES / "github-actions"), "RUNNER_TEMP": self.folder.path,
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "octo-org/shop", "GITHUB_RUN_ID": "555",
            "GITHUB_RUN_NUMBER": "7", **oidc.environment}
        run = Program(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], variables, program="bash")
        self.addCleanup(run.kill)
        return run, oidc, files

    def test_AJobAsksWithItsOwnToken(self):
        run, oidc, files = self.job(url=self.proxy.url, action="deploy.api", environment="production",
                                    intent="release; echo \"$HOME\" `id`", run="echo one\nfalse\necho two")
        request = self.filed(run)
        self.workspace.approve("amy", request)
        self.assertEqual(run.wait(), 1, run.text())
        masked = [line.removeprefix("::add-mask::") for line in run.out if line.startswith("::add-mask::")]
        self.assertEqual([word[:3] for word in masked], ["eyJ", "csa"], "the job's token, and the request's")
        self.assertEqual([line for line in run.out if not line.startswith("::add-mask::")], ["one"])
        self.assertEqual(oidc.asked, [({"api-version": "2.0", "audience": self.proxy.url}, "bearer runner-secret")])
        shown = self.reaches(request, "failed")
        self.assertEqual((shown["requester"]["name"], shown["requester"]["people"]), ("octo-org/shop", ["riley"]))
        self.assertEqual(shown["related"], [{"title": "Run 7", "url": "https://github.com/octo-org/shop/actions/runs/555"}])
        self.assertEqual((shown["resource"], shown["intent"]), ("octo-org/shop", "release; echo \"$HOME\" `id`"))
        self.assertEqual(pathlib.Path(files["GITHUB_OUTPUT"]).read_text(), f"request={request}\n")
        self.assertIn(request, pathlib.Path(files["GITHUB_STEP_SUMMARY"]).read_text())

    def test_ADenialFailsTheStepAndRunsNothing(self):
        run, _, _ = self.job(url=self.proxy.url, action="deploy.api", run="echo ran")
        self.workspace.with_reason("ben", self.filed(run), "deny", "no")
        self.assertEqual(run.wait(), 10, run.text())
        self.assertNotIn("ran", run.out)

    def test_AJobThatMayHaveNoTokenIsToldSo(self):
        run, _, _ = self.job(gives=False, url=self.proxy.url, action="deploy.api", run="echo ran")
        self.assertEqual(run.wait(), 2, run.text())
        self.assertNotIn("ran", run.out)


class GitLab(ExamplesTest):
    KEYWORDS = {"image", "id_tokens", "variables", "retry", "script"}

    def test_AJobThatExtendsTheTemplateRunsWhatIsApproved(self):
        template = yaml.safe_load((EXAMPLES / "gitlab" / "countersign.gitlab-ci.yml").read_text())
        job = template[".countersign"]
        self.assertEqual((set(template), set(job)), ({".countersign"}, self.KEYWORDS))
        self.assertEqual(job["id_tokens"], {"COUNTERSIGN_TOKEN": {"aud": "$COUNTERSIGN_URL"}})
        project = TempFolder()
        self.addCleanup(project.remove)
        os.mkdir(os.path.join(project.path, "ci"))
        os.symlink(EXAMPLES / "shell" / "countersign.sh", os.path.join(project.path, "ci", "countersign.sh"))
        variables = self.environment(
            CI_PROJECT_PATH="octo/api", CI_ENVIRONMENT_NAME="production", CI_COMMIT_TITLE="Fix \"it\"", CI_JOB_ID="99",
            CI_JOB_URL="https://gitlab.com/octo/api/-/jobs/99", COUNTERSIGN_ACTION="deploy.api", COUNTERSIGN_COMMAND="echo one; false; echo two")
        for name, text in job["variables"].items():
            variables[name] = re.sub(r"\$(\w+)", lambda match: variables[match.group(1)], text)
        script = f"cd {project.path}\n" + "\n".join(job["script"])
        run = Program(["-ec", script], variables, program="sh")
        self.addCleanup(run.kill)
        request = self.filed(run)
        self.workspace.approve("cat", request)
        self.assertEqual((run.wait(), run.out), (1, ["one"]), run.text())
        shown = self.reaches(request, "failed")
        self.assertEqual((shown["resource"], shown["environment"], shown["intent"]), ("octo/api", "production", 'Fix "it"'))
        self.assertEqual(shown["related"][0], {"title": "Job 99", "url": "https://gitlab.com/octo/api/-/jobs/99"})


class Jenkins(ExamplesTest):
    def test_TheStepRunsWhatIsApproved(self):
        step = (EXAMPLES / "jenkins" / "vars" / "countersign.groovy").read_text()
        script = re.search(r"script: '''(.*?)'''", step, re.S).group(1).replace("\\\\", "\\")
        used = set(re.findall(r"\$([A-Z_]+)", script)) - {"BUILD_TAG", "BUILD_URL"}
        given = set(re.findall(r'"([A-Z_]+)=\$\{', step)) | {"COUNTERSIGN_TOKEN"}
        self.assertLessEqual(used, given)
        resource = EXAMPLES / "jenkins" / "resources" / "countersign.sh"
        self.assertEqual(resource.read_text(), (EXAMPLES / "shell" / "countersign.sh").read_text())
        variables = self.environment(
            COUNTERSIGN_SCRIPT=str(resource), ASKED_ACTION="deploy.api", ASKED_RESOURCE="api/main", ASKED_ENVIRONMENT="",
            ASKED_INTENT="nightly", ASKED_FOR="ben", ASKED_RUN="echo one; false; echo two", BUILD_TAG="jenkins-api-7", BUILD_URL="https://ci.example.com/7/")
        run = Program(["-xe", "-c", script], variables, program="sh")
        self.addCleanup(run.kill)
        request = self.filed(run)
        self.workspace.approve("amy", request)
        self.assertEqual((run.wait(), run.out), (1, ["one"]), run.text())
        shown = self.reaches(request, "failed")
        self.assertEqual((shown["environment"], shown["on_behalf_of"]), (None, ["ben"]))
        self.assertNotIn(self.api.token, run.text())


class Lint(unittest.TestCase):
    def test_ShellcheckFindsNothing(self):
        scripts = [*EXAMPLES.rglob("*.sh"), *(path for path in (ROOT / "scripts").iterdir() if path.read_bytes().startswith(b"#!/usr/bin/env bash")),
                   *(ROOT / "tests").glob("*/*.sh")]
        self.assertGreater(len(scripts), 8)
        done = subprocess.run(["shellcheck", *map(str, scripts)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_EveryExampleSaysWhatItIs(self):
        for folder in EXAMPLES.iterdir():
            if folder.name != "policies":
                self.assertTrue((folder / "README.md").read_text().startswith("# "), folder)


if __name__ == "__main__":
    unittest.main()
