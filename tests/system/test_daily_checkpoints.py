"""The first checkpoint of each day, where the server's operators cannot change it: a folder and a channel."""
import pathlib
import re
import time
import unittest

from process import Parts, Program, TempFolder, http, wait_until


class DailyCheckpointsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.kept = pathlib.Path(cls.folder.path, "kept")
        cls.parts = Parts(cls.folder.path, environment={
            "COUNTERSIGN_LOG_ORIGIN": "approvals.example.com/log",
            "COUNTERSIGN_LOG_DAILY_FOLDER": str(cls.kept),
            "COUNTERSIGN_LOG_DAILY_CHANNELS": "slack:#approvals"})
        cls.addClassCleanup(cls.parts.stop)
        cls.parts.start()

    def told(self):
        return [message for message in self.parts.workspace.messages()
                if "Checkpoint of the log approvals.example.com/log" in str(message)]

    def test_EachDaysCheckpointIsPublishedOnceWhicheverReplicaDoesItAndHoweverOftenTheyRestart(self):
        message = wait_until("the checkpoint in the channel", self.told, 20)[0]
        self.assertRegex(str(message), r"approvals\.example\.com/log\\+n\d+\\+n[A-Za-z0-9+/=]{44}\\+n\\+n— ")
        file = wait_until("the file", lambda: list(self.kept.glob("*.checkpoint")), 20)[0]
        self.assertRegex(file.name, r"^\d{4}-\d\d-\d\d\.checkpoint$")
        written = file.read_text()
        second = Program(["serve"], {**self.parts.environment, "COUNTERSIGN_LISTEN": "127.0.0.1:0"})
        try:
            url = second.line(r"listening on (http://\S+)").group(1)
            wait_until("the second server", lambda: http("GET", url + "/readyz").status == 200, 30)
            self.parts.server.stop()
            self.parts.start_server()
            self.parts.api.open()
            time.sleep(6)  # each looks two seconds after its start
            self.assertNotIn("daily checkpoints", http("GET", url + "/readyz").body)
        finally:
            second.stop()
        self.assertEqual(len(self.told()), 1)
        self.assertEqual([one.name for one in self.kept.iterdir()], [file.name])
        self.assertEqual(file.read_text(), written)
        # What was kept is what an audit is held against.
        verified = self.parts.verb("audit", "verify", "--checkpoint", str(file))
        self.assertEqual(verified.code, 0, verified.text())
        position = self.parts.sql("SELECT next FROM stream_position WHERE stream = 'checkpoints slack:#approvals'")
        self.assertEqual(int(position), int(time.time() // 86_400) + 1)

    def test_WhatCannotBePublishedIsSaid(self):
        environment = {**self.parts.environment, "COUNTERSIGN_LISTEN": "127.0.0.1:0",
                       "COUNTERSIGN_LOG_DAILY_FOLDER": "/proc/none", "COUNTERSIGN_LOG_DAILY_CHANNELS": "teams:19:x@thread.tacv2"}
        other = Program(["serve"], environment)
        try:
            url = other.line(r"listening on (http://\S+)").group(1)
            said = wait_until("a warning", lambda: re.search("daily checkpoints: .*", http("GET", url + "/readyz").body), 20)
            self.assertIn("teams is not set up", said.group(0))
        finally:
            other.stop()
        wrong = Program(["serve"], {**environment, "COUNTERSIGN_LOG_DAILY_CHANNELS": "#audit"})
        self.assertNotEqual(wrong.wait(20), 0)
        self.assertIn("CHAT:CHANNEL", wrong.text())


if __name__ == "__main__":
    unittest.main()
