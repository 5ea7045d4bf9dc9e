"""`countersign init`: from nothing to files that `serve` takes, and nothing of anybody's written over."""
import os
import stat
import subprocess
import unittest

from process import ROOT, Parts, Program, TempFolder, binary


class InitTest(unittest.TestCase):
    def setUp(self):
        self.folder = TempFolder()
        self.addCleanup(self.folder.remove)
        self.etc = os.path.join(self.folder.path, "etc")
        self.file = os.path.join(self.etc, "countersign.yaml")
        self.environment = {"COUNTERSIGN_HOME": os.path.join(self.folder.path, "home")}

    def run_verb(self, *arguments):
        program = Program(arguments, self.environment)
        program.code = program.wait(30)
        return program

    def init(self, *more, database="postgresql://cs:hush@127.0.0.1:1/cs"):
        return self.run_verb("init", "--folder", self.etc, "--database", database, *more)


class Init(InitTest):
    def test_FlagsAnswerAndServeTakesWhatIsWritten(self):
        made = self.init("--slack-channel", "none", "--public-url", "https://approvals.example.com")
        self.assertEqual(made.code, 0, made.text())
        self.assertRegex(made.text(), r"ok +keys ")
        self.assertRegex(made.text(), r"failed +database\.reachable ")
        self.assertIn("countersign migrate --config", made.text())
        self.assertNotIn("hush", made.text())
        checked = self.run_verb("serve", "--check", "--config", self.file)
        self.assertEqual(checked.code, 0, checked.text())

    def test_SecretsAreInFilesThatOthersCannotRead(self):
        self.init("--teams-app-id", "00000000-0000-4000-8000-000000000b07")
        with open(self.file) as text:
            self.assertNotIn("hush", text.read())
        for name in ("database", "slack-app-token", "slack-bot-token", "teams-app-password", "countersign.yaml"):
            mode = stat.S_IMODE(os.stat(os.path.join(self.etc, name)).st_mode)
            self.assertEqual(mode & 0o027, 0, name)

    def test_TheStepsForTheChosenChatsAreSaid(self):
        both = self.init("--teams-app-id", "00000000-0000-4000-8000-000000000b07", "--slack-channel", "#ops").text()
        self.assertIn("/invite @countersign into #ops", both)
        self.assertIn("countersign teams setup", both)

    def test_NothingIsWrittenOver(self):
        os.makedirs(self.etc)
        with open(os.path.join(self.etc, "policy.yaml"), "w") as mine:
            mine.write("version: 1\n")
        self.assertEqual(self.init("--slack-channel", "none").code, 0)
        with open(os.path.join(self.etc, "policy.yaml")) as mine:
            self.assertEqual(mine.read(), "version: 1\n")
        again = self.init("--slack-channel", "none")
        self.assertEqual(again.code, 2)
        self.assertIn("is there already", again.text())

    def test_APersonIsAskedFiveQuestions(self):
        answers = "postgresql://127.0.0.1:1/cs\n\nnone\n\ntwo-approvals\n"
        done = subprocess.run(["script", "-qec", f"{binary()} init --folder {self.etc}", "/dev/null"], input=answers,
                              capture_output=True, text=True, timeout=60, env={**os.environ, **self.environment})
        self.assertEqual(done.returncode, 0, done.stdout)
        for number in range(1, 6):
            self.assertIn(f"{number}/5 ", done.stdout)
        with open(os.path.join(self.etc, "policy.yaml")) as policy:
            self.assertEqual(policy.read().strip(), (ROOT / "examples" / "policies" / "two-approvals.yaml").read_text().strip())

    def test_WithoutADatabaseTheFlagIsNamed(self):
        done = self.run_verb("init", "--folder", self.etc)
        self.assertEqual(done.code, 2)
        self.assertIn("--database", done.text())
        self.assertFalse(os.path.exists(self.etc))

    def test_AnUnknownPolicyIsToldWhichThereAre(self):
        done = self.init("--from", "nothing")
        self.assertEqual(done.code, 2)
        self.assertIn("production-deploys", done.text())
        self.assertFalse(os.path.exists(self.etc))

    def test_EveryExamplePolicyIsAStart(self):
        for policy in (ROOT / "examples" / "policies").glob("*.yaml"):
            printed = self.run_verb("policy", "init", "--from", policy.stem)
            self.assertEqual(printed.text().strip(), policy.read_text().strip())


class FirstRun(InitTest):
    def test_FromNothingToAServerThatIsReady(self):
        parts = Parts(self.folder.path)
        self.addCleanup(parts.stop)
        parts.start_postgres()
        made = self.init("--slack-channel", "none", database=parts.environment["COUNTERSIGN_DATABASE"])
        self.assertEqual(made.code, 0, made.text())
        self.assertEqual(self.run_verb("migrate", "--config", self.file).code, 0)
        self.assertEqual(self.run_verb("doctor", "--config", self.file).code, 0)
        parts.environment = {**self.environment}
        parts.server = Program(["serve", "--config", self.file], {**self.environment, "COUNTERSIGN_LISTEN": "127.0.0.1:0"})
        parts.url = parts.server.line(r"listening on (http://\S+)").group(1)
        parts.wait_ready()


if __name__ == "__main__":
    unittest.main()
