"""Evidence as operators and auditors get it: the published log, audits, exports, what is erased."""
import json
import os
import pathlib
import shutil
import time
import unittest

from process import Api, Parts, Program, http, wait_until


class EvidenceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Parts.of(cls).start()

    def decided(self):
        request = self.parts.api.open()
        self.parts.workspace.approve("amy", request["id"])
        return self.parts.api.reaches(request["id"], "approved")

    def proven(self, request):
        def look():
            reply = self.parts.api.call("GET", f"/v1/requests/{request['id']}/proof")
            return reply if reply.status == 200 else None
        return wait_until("a proof", look, 20)

    def out(self, name):
        return str(pathlib.Path(self.folder.path, name))

    def test_ADecisionIsProvenByEveryWayThereIs(self):
        request = self.decided()
        proof = self.proven(request)
        self.assertTrue(proof.body.startswith("c2sp.org/tlog-proof@v1\n"))
        printed = self.parts.verb("audit", "proof", str(request["number"]))
        self.assertEqual(printed.code, 0, printed.text())
        self.assertEqual(printed.out[0], "c2sp.org/tlog-proof@v1")
        decision = self.parts.api.call("GET", f"/v1/requests/{request['id']}/decision")
        self.assertEqual(decision.status, 200, decision.body)
        signed = self.parts.verb("audit", "proof", request["id"], "--decision")
        self.assertEqual(json.loads(signed.out[0]), decision.json)
        verified = self.parts.verb("audit", "verify", "--json")
        self.assertEqual(verified.code, 0, verified.text())
        self.assertEqual(json.loads(verified.out[-1])["findings"], [])

    def test_AnExportIsVerifiedWithoutAServerAndATamperedOneIsNot(self):
        self.proven(self.decided())
        folder = self.out("export")
        exported = self.parts.verb("audit", "export", "--out", folder, "--json")
        self.assertEqual(exported.code, 0, exported.text())
        keys = self.out("keys.json")
        pathlib.Path(keys).write_text(http("GET", self.parts.url + "/.well-known/countersign-keys.json").body)
        alone = Program(["audit", "verify", folder, "--keys", keys], {"COUNTERSIGN_HOME": "/nonexistent"})
        self.assertEqual(alone.wait(), 0, alone.text())
        shutil.rmtree(folder + "/requests")
        tampered = Program(["audit", "verify", folder, "--keys", keys])
        self.assertEqual(tampered.wait(), 1, tampered.text())
        self.assertIn("is missing, though event", tampered.text())
        again = self.parts.verb("audit", "export", "--out", folder)
        self.assertEqual(again.code, 1, again.text())
        self.assertIn("not empty", again.text())

    def test_TablesEventsAndTheReportAreWritten(self):
        self.decided()
        for form, name in (("csv", "requests.csv"), ("ocsf", "events.ocsf.jsonl")):
            out = self.out(form)
            done = self.parts.verb("audit", "export", "--format", form, "--out", out)
            self.assertEqual(done.code, 0, done.text())
            self.assertTrue(os.path.getsize(os.path.join(out, name)) > 100)
        report = self.parts.verb("audit", "report", "--since", "1h")
        self.assertEqual(report.code, 0, report.text())
        self.assertIn("amy for", "\n".join(report.out))

    def test_WhatIsErasedIsGoneAndEverythingIsStillProven(self):
        request = self.parts.api.open(intent="Zebra crossing")
        self.parts.workspace.with_reason("amy", request["id"], "deny", "not on my watch")
        self.parts.api.reaches(request["id"], "denied")
        self.proven(request)
        unsure = self.parts.verb("erase", "--person", "amy", "--before", "1s")
        self.assertEqual(unsure.code, 2, unsure.text())
        soon = "2100-01-01T00:00:00Z"
        erased = self.parts.verb("erase", "--person", "amy", "--before", soon, "--yes", "--json")
        self.assertEqual(erased.code, 0, erased.text())
        self.assertGreaterEqual(json.loads(erased.out[-1])["requests"], 1)
        left = self.parts.sql("SELECT count(*) FROM request WHERE words LIKE '%Zebra%'")
        self.assertEqual(left.strip(), "0")

        def logged():
            return "words.erased" in self.parts.sql("SELECT string_agg(type, ' ') FROM event")
        wait_until("the erasure being logged", logged)
        verified = self.parts.verb("audit", "verify")
        self.assertEqual(verified.code, 0, verified.text())

    def test_TheKeysAreEventsOfTheLog(self):
        types = self.parts.sql("SELECT string_agg(type, ' ') FROM event WHERE type LIKE 'key.%'").split()
        self.assertEqual(types, ["key.published"] * 3)

    def test_TwoReplicasSignOneHistoryOneAtATime(self):
        refusals = self.parts.server.text().count("no checkpoint is signed")
        second = Program(["serve"], {**self.parts.environment, "COUNTERSIGN_LISTEN": "127.0.0.1:0"})
        try:
            url = second.line(r"listening on (http://\S+)").group(1)
            wait_until("the second server", lambda: http("GET", url + "/readyz").status == 200, 30)
            before = int(self.parts.sql("SELECT count(*) FROM checkpoint"))
            other = Api(url, self.parts.api.token)
            last = None
            for i in range(12):
                api = (self.parts.api, other)[i % 2]
                last = api.open()
                api.call("POST", f"/v1/requests/{last['id']}/cancel", {})
                time.sleep(0.2)
            self.proven(last)
            # Each size was signed once, whoever signed it, and both servers show one log.
            signed = self.parts.sql("SELECT size FROM checkpoint ORDER BY size").split()
            self.assertEqual(len(signed), len(set(signed)))
            self.assertGreater(len(signed), before + 1)
            one, two = (http("GET", at + "/log/checkpoint").body for at in (self.parts.url, url))
            self.assertEqual(one, two)
            self.assertNotIn("no checkpoint is signed", second.text())
            self.assertEqual(self.parts.server.text().count("no checkpoint is signed"), refusals)
            first_only = self.parts.verb("audit", "verify", "--json")
            self.assertEqual(first_only.code, 0, first_only.text())
            # One that is killed while it signs leaves the other at it.
            self.parts.server.kill()
            request = other.open()
            other.call("POST", f"/v1/requests/{request['id']}/cancel", {})
            wait_until("the proof", lambda: other.call("GET", f"/v1/requests/{request['id']}/proof").status == 200, 30)
        finally:
            if not self.parts.server.running():
                self.parts.start_server()
            second.stop()

    def test_ALostMarkIsToldAndStopsNothingElse(self):
        self.proven(self.decided())
        mark = pathlib.Path(self.folder.path, "keys", "log.mark")
        kept = mark.read_text()
        mark.unlink()
        try:
            request = self.decided()

            def warned():
                ready = self.parts.api.ready()
                return ready.status == 200 and any("published log" in w for w in ready.json.get("warnings", []))
            wait_until("a warning", warned, 20)
            reply = self.parts.api.call("GET", f"/v1/requests/{request['id']}/proof")
            self.assertEqual((reply.status, reply.json["code"]), (503, "not_published"))
        finally:
            mark.write_text(kept)
        self.proven(request)
