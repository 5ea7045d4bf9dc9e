"""docs/api.md is run: each fenced `sh` block in order, in one shell, against the real server.

A comment before a block says what its calls are answered: `<!-- answers: 201 200 -->`; a `json` block after it is what the
last of them said, where "…" stands for any text or value and a member "…" for members that are not shown. `<!-- amy approves -->`
is a person who clicks, `<!-- amy confirms -->` one who agrees to the newest token that votes. A stream is read for as long as `--max-time` says."""
import json
import os
import re
import subprocess
import unittest

import openapi
from github import JobTokens, issuers
from issuer import Issuer
from process import ROOT, Parts, binary
from proxy import Proxy
from receiver import Receiver

DOCUMENT = ROOT / "docs" / "api.md"


def pieces(text):
    """("answers", [201]), ("approves", "amy"), ("confirms", "amy"), ("sh", text), ("json", text) …, in order."""
    for match in re.finditer(r"<!-- answers: ([\d ]+) -->|<!-- (\w+) (approves|confirms) -->|^```(\w+)\n(.*?)^```$", text, re.S | re.M):
        answers, who, act, language, code = match.groups()
        if answers:
            yield "answers", [int(status) for status in answers.split()]
        elif who:
            yield act, who
        else:
            yield language, code


def differs(shown, got, at=""):
    """Where `got` is not as it is shown, or None."""
    if shown == "…":
        return None
    if isinstance(shown, dict) and isinstance(got, dict):
        rest = set(got) - set(shown)
        if rest and "…" not in shown:
            return f"{at} has {sorted(rest)} besides"
        members = [name for name in shown if name != "…"]
        return next((f"{at}/{name} is not there" for name in members if name not in got), None) or next(
            (found for found in (differs(shown[name], got[name], f"{at}/{name}") for name in members) if found), None)
    if isinstance(shown, list) and isinstance(got, list):
        if len(got) < len([each for each in shown if each != "…"]):
            return f"{at} has {len(got)} items"
        if len(got) > len(shown) and "…" not in shown:
            return f"{at} has {len(got)} items"
        return next((found for found in (differs(a, b, f"{at}/{i}") for i, (a, b) in enumerate(zip(shown, got))) if found), None)
    if isinstance(shown, str) and isinstance(got, str):
        pattern = ".*".join(map(re.escape, shown.split("…")))
        return None if re.fullmatch(pattern, got, re.S) else f"{at} is {got!r}, shown is {shown!r}"
    same = type(shown) is type(got) and (shown == got or isinstance(shown, int))
    return None if same else f"{at} is {got!r}, shown is {shown!r}"


class Shell:
    """One bash, as a reader has it open."""

    def __init__(self, environment):
        self.child = subprocess.Popen(["bash", "--noprofile", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, env=environment)

    def run(self, code):
        self.child.stdin.write(code + "\necho; echo --end $?\n")
        self.child.stdin.flush()
        lines = []
        while not (line := self.child.stdout.readline()).startswith("--end "):
            assert line, "the shell has ended: " + "".join(lines)
            lines.append(line)
        return "".join(lines)

    def close(self):
        self.child.stdin.close()
        self.child.wait(10)
        self.child.stdout.close()


class Examples(unittest.TestCase):
    def setUp(self):
        Parts.of(self)
        self.parts.environment["COUNTERSIGN_WEBHOOKS_ALLOW_PRIVATE_NETWORKS"] = "true"
        self.document = openapi.Document.of_this_tree()
        self.proxy = Proxy(witness=self.document.witness)
        self.addCleanup(self.proxy.stop)
        issuer = Issuer(self.folder.path)
        self.addCleanup(issuer.stop)
        self.parts.environment.update(issuers(issuer, self.proxy.url))
        self.parts.start(owner=None)
        self.proxy.server = self.parts.url
        job = JobTokens(issuer)
        self.addCleanup(job.stop)
        self.receiver = Receiver()
        self.addCleanup(self.receiver.stop)
        os.symlink(binary(), os.path.join(self.folder.path, "countersign"))
        self.shell = Shell({**os.environ, **self.parts.environment, **job.environment, "PATH": f"{self.folder.path}:{os.environ['PATH']}"})
        self.addCleanup(self.shell.close)

    def here(self, code):
        """The block with this server's addresses in it."""
        return code.replace("http://127.0.0.1:8480", self.proxy.url).replace("https://hooks.example.com/countersign", self.receiver.url)

    def test_EveryExampleIsAnsweredAsItIsShownAndEveryCallHasOne(self):
        expected, last = None, None
        for kind, text in pieces(DOCUMENT.read_text()):
            if kind == "answers":
                expected = text
            elif kind == "approves":
                self.assertTrue(self.parts.workspace.approve(text, self.newest("db.export"))["acked"])
            elif kind == "confirms":
                tokens = json.loads(self.parts.verb("token", "list", "--json").out[0])
                self.parts.confirm_token(text, [token for token in tokens if token["scopes"] == ["vote"]][-1]["id"])
            elif kind == "sh":
                with self.subTest(text.strip().splitlines()[0]):
                    before = len(self.proxy.calls)
                    said = self.shell.run(self.here(text))
                    answers = self.proxy.calls[before:]
                    self.assertIsNotNone(expected or ("curl" not in text or None), f"no answers are given for:\n{text}")
                    self.assertEqual([call.status for call in answers], expected or [], f"{said}\n{answers}")
                    last = answers[-1].text if answers else None
                expected = None
            elif kind == "json":
                with self.subTest(f"{text[:60]}…"):
                    self.assertIsNone(differs(json.loads(self.here(text)), json.loads(last)), last)

        shown = {name for name, status in self.document.answered if status < 400}
        self.assertEqual({operation.name for operation in self.document.operations} - shown, set())

    def newest(self, action):
        return self.parts.api.call("GET", f"/v1/requests?limit=1&action={action}").json["requests"][0]["id"]


class Codes(unittest.TestCase):
    def test_EveryCodeIsInTheTableAndNoOther(self):
        rows = re.findall(r"^\| (\d{3}) \| (.*) \|$", DOCUMENT.read_text(), re.M)
        table = {(int(status), code) for status, codes in rows for code in re.findall(r"`([a-z_]+)`", codes)}
        self.assertEqual(table, openapi.Document.of_this_tree().codes())


if __name__ == "__main__":
    unittest.main()
