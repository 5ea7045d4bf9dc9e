"""docs/backup.md as an operator follows it: a backup, its restoration, what the signer says to it, and the way on."""
import json
import os
import shutil
import subprocess
import unittest

from process import Parts, http, wait_until


class Backup(unittest.TestCase):
    def setUp(self):
        Parts.of(self).start()

    def run_tool(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)

    def decided(self):
        request = self.parts.api.open()
        self.parts.workspace.card(request["id"])
        self.parts.workspace.approve("amy", request["id"])
        self.parts.api.reaches(request["id"], "approved")
        return request["id"]

    def published(self):
        """How many events the newest checkpoint covers, once it covers all."""
        def look():
            size = int(http("GET", self.parts.url + "/log/checkpoint").body.split("\n")[1] or 0)
            return size if size == int(self.parts.sql("SELECT count(*) FROM event")) else None
        return wait_until("a checkpoint of all events", look, 30)

    def uri_of(self, database):
        words = self.parts.environment["COUNTERSIGN_DATABASE"].split()
        return " ".join(f"dbname={database}" if word.startswith("dbname=") else word for word in words)

    def warnings(self):
        return json.loads(http("GET", self.parts.url + "/readyz").body).get("warnings", [])

    def test_ARestoredBackupServesOnAndTheSignerSaysWhatIsGone(self):
        kept = self.decided()
        self.published()
        dump = os.path.join(self.folder.path, "countersign.dump")
        self.run_tool("pg_dump", "--format=custom", "--file", dump, "--dbname", self.parts.environment["COUNTERSIGN_DATABASE"])
        lost = self.decided()
        self.published()
        self.parts.server.stop()

        self.parts.sql("CREATE DATABASE restored")
        self.parts.environment["COUNTERSIGN_DATABASE"] = self.uri_of("restored")
        self.run_tool("pg_restore", "--single-transaction", "--exit-on-error", "--dbname", self.uri_of("restored"), dump)
        self.parts.start_server()
        self.assertEqual(self.parts.api.show(kept)["state"], "approved")
        self.assertEqual(self.parts.api.call("GET", f"/v1/requests/{lost}").status, 404)
        self.decided()  # decisions go on; what was published before the restoration is not signed away
        told = wait_until("the signer's refusal", self.warnings, 30)
        self.assertRegex(told[0], "^published log: ")
        self.parts.server.stop()

        # The way on: a new log, which everybody can see.
        keys = os.path.join(self.folder.path, "keys")
        shutil.move(os.path.join(keys, "log.pem"), os.path.join(keys, "log.pem.2026-11-30"))
        shutil.move(os.path.join(keys, "log.mark"), os.path.join(self.folder.path, "log.mark.before"))
        self.assertEqual(self.parts.verb("keys", "create").code, 0)
        self.parts.environment["COUNTERSIGN_LOG_ORIGIN"] = "approvals.example.com/log-2"
        self.parts.start_server()
        self.decided()
        self.published()
        self.assertEqual(self.warnings(), [])
        verified = self.parts.verb("audit", "verify")
        self.assertEqual(verified.code, 0, verified.text())
        self.assertRegex(http("GET", self.parts.url + "/log/checkpoint").body, r"^approvals\.example\.com/log-2\n")


if __name__ == "__main__":
    unittest.main()
