"""Others who sign checkpoints: a witness that shares no code with the server."""
import base64
import json
import subprocess
import unittest

from process import Parts, TempFolder, http, wait_until
from witness import Witness


class WitnessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.witness = Witness(cls.folder.path)
        cls.addClassCleanup(cls.witness.stop)
        cls.parts = Parts(cls.folder.path, environment={
            "COUNTERSIGN_LOG_ORIGIN": "approvals.example.com/log",
            "COUNTERSIGN_LOG_WITNESSES": f"{cls.witness.vkey} {cls.witness.url}/"})
        # The witness is told of the log out of band, before it is asked.
        public = subprocess.run(["openssl", "pkey", "-in", f"{cls.folder.path}/keys/log.pem", "-pubout", "-outform", "DER"],
                                check=True, capture_output=True).stdout[-32:]
        cls.witness.log_key = "approvals.example.com/log+00000000+" + base64.b64encode(b"\x01" + public).decode()
        cls.addClassCleanup(cls.parts.stop)
        cls.parts.start()

    def event(self):
        request = self.parts.api.open()
        self.parts.api.call("POST", f"/v1/requests/{request['id']}/cancel", {})
        return request

    def checkpoint(self):
        return http("GET", self.parts.url + "/log/checkpoint").body

    def cosigned(self):
        """The newest checkpoint, once the witness' line stands below ours."""
        def look():
            text = self.checkpoint()
            return text if f"\u2014 {self.witness.name} " in text else None
        return wait_until(f"a cosignature; the witness answered {self.witness.answers}", look, 30)

    def warned(self):
        return "witness" in json.dumps(self.parts.api.ready().json.get("warnings", []))

    def test_AWitnessSignsWhatGoesOnFromWhatItSawAndReadersSeeIt(self):
        request = self.event()
        first = self.cosigned()
        self.assertEqual(first.count("\u2014 "), 2)
        self.event()
        wait_until("the log growing", lambda: self.checkpoint().split("\n")[1] != first.split("\n")[1], 20)
        second = self.cosigned()
        self.assertGreater(int(second.split("\n")[1]), int(first.split("\n")[1]))
        proof = wait_until("a proof", lambda: self.parts.api.call("GET", f"/v1/requests/{request['id']}/proof"), 20)
        self.assertIn(f"\u2014 {self.witness.name} ", proof.body)
        self.assertFalse(self.warned())
        verified = self.parts.verb("audit", "verify")
        self.assertEqual(verified.code, 0, verified.text())
        out = f"{self.folder.path}/export"
        self.assertEqual(self.parts.verb("audit", "export", "--out", out).code, 0)
        self.assertEqual(self.parts.verb("audit", "verify", out).code, 0)

    def test_AWrongSignatureOfAWitnessIsNotPublished(self):
        self.event()
        self.cosigned()
        self.witness.lie = True
        try:
            self.event()
            wait_until("a warning", self.warned, 30)
            self.assertNotIn(self.witness.name, self.checkpoint())
        finally:
            self.witness.lie = False
        self.event()
        self.cosigned()
        wait_until("no warning", lambda: not self.warned(), 30)

    def test_AWitnessThatSawMoreIsHeard(self):
        self.event()
        self.cosigned()
        kept = self.witness.seen
        self.witness.seen = (kept[0] + 1000, kept[1])
        try:
            self.event()
            wait_until("a warning", lambda: "more than there are" in self.parts.api.ready().body, 30)
        finally:
            self.witness.seen = kept
        self.event()
        wait_until("no warning", lambda: not self.warned(), 30)
