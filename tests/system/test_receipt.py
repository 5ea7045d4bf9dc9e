"""The page that shows a decision and its proof, as whoever has a card's link gets it, and whoever has a token."""
import re
import unittest
import urllib.parse

from process import Parts, http, wait_until

HOSTILE = "</pre><script>alert(1)</script><b>bold</b>"


class ReceiptTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Parts.of(cls).start()

    def denied(self, **more):
        request = self.parts.api.open(intent=HOSTILE, **more)
        self.parts.workspace.with_reason("amy", request["id"], "deny", "not <i>tonight</i>")
        return self.parts.api.reaches(request["id"], "denied")

    def link_of(self, request):
        def look():
            found = re.search(r"http://[^\"|>\s]+/r/req_[^\"|>\s]+",
                              str(self.parts.workspace.card(request["id"])).replace("&amp;", "&"))
            return found.group(0) if found else None
        return wait_until("the card's link", look, 20)

    def proven(self, url, headers=None):
        def look():
            reply = http("GET", url, headers=headers or {})
            return reply if 'id="proof"' in reply.body else None
        return wait_until("a receipt with its proof", look, 20)

    def path_of(self, request):
        return f"{self.parts.url}/r/{request['id']}"

    def bearer(self, token=None):
        return {"Authorization": f"Bearer {token or self.parts.api.token}"}

    def test_TheCardsLinkShowsWhatTheCardShowsAndItsProof(self):
        request = self.denied()
        link = self.link_of(request)
        reply = self.proven(link)
        self.assertEqual(reply.status, 200, reply.body)
        self.assertIn("Denied", reply.body)
        self.assertIn("not &lt;i&gt;tonight&lt;/i&gt;", reply.body)
        self.assertNotIn("<script>alert", reply.body)
        self.assertNotIn("<b>bold", reply.body)
        self.assertNotIn('id="decision"', reply.body)
        self.assertNotIn("What happened", reply.body)
        self.assertIn("c2sp.org/tlog-proof@v1", reply.body)
        policy = reply.headers["Content-Security-Policy"]
        self.assertIn("script-src 'self'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(reply.headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(reply.headers["Cache-Control"], "no-store")
        script = re.search(r'src="\.\./(assets/[^"]+)"', reply.body).group(1)
        self.assertIn("provesLeaf", http("GET", f"{self.parts.url}/{script}").body)

    def test_ALinkIsGoodForItsRequestUntilItsEndAndForNothingElse(self):
        one, other = self.denied(), self.denied()
        link = self.link_of(one)
        self.assertEqual(http("GET", link.replace(one["id"], other["id"])).status, 401)
        until = re.search(r"until=(\d+)", link).group(1)
        self.assertEqual(http("GET", link.replace(until, str(int(until) + 86_400))).status, 401)
        self.assertEqual(http("GET", link.split("&signature=")[0]).status, 401)
        plain = http("GET", self.path_of(one))
        self.assertEqual(plain.status, 401)
        self.assertIn('name="token"', plain.body)
        self.assertNotIn("tonight", plain.body)

    def test_ATokenShowsAllOfItInAHeaderOrInTheForm(self):
        request = self.denied()
        reply = self.proven(self.path_of(request), self.bearer())
        self.assertIn('id="decision"', reply.body)
        self.assertIn("What happened", reply.body)
        form = urllib.parse.urlencode({"token": self.parts.api.token}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        posted = http("POST", self.path_of(request), form, headers=headers)
        self.assertEqual(posted.status, 200, posted.body)
        self.assertIn('id="decision"', posted.body)
        self.assertEqual(self.parts.api.show(request["id"])["state"], "denied")
        wrong = http("POST", self.path_of(request), b"token=apk_live_wrong", headers=headers)
        self.assertEqual(wrong.status, 401)
        self.assertEqual(http("POST", self.path_of(request), b"x=1", headers=headers).status, 400)

    def test_WhoMayNotReadTheRequestIsShownNothing(self):
        own = self.parts.make_token("--scope", "request")
        request = self.denied()
        reply = http("GET", self.path_of(request), headers=self.bearer(own))
        self.assertEqual(reply.status, 403, reply.body)
        self.assertNotIn("tonight", reply.body)

    def test_WhatIsPendingHasNoProofYet(self):
        request = self.parts.api.open()
        reply = http("GET", self.path_of(request), headers=self.bearer())
        self.assertEqual(reply.status, 200)
        self.assertIn("Nothing is decided yet", reply.body)
        self.assertNotIn("/r/req_", str(self.parts.workspace.card(request["id"])))

    def test_WhatWasErasedIsShownAsErasedAndStillProven(self):
        request = self.denied(labels={"team": "zebra"})
        link = self.link_of(request)
        self.proven(link)
        erased = self.parts.verb("erase", "--person", "amy", "--before", "2100-01-01T00:00:00Z", "--yes")
        self.assertEqual(erased.code, 0, erased.text())
        # A running server keeps what it has read until it lets it go.
        self.parts.server.stop()
        self.parts.start_server()
        for reply in (self.proven(link), self.proven(self.path_of(request), self.bearer())):
            self.assertIn("were erased", reply.body)
            self.assertIn("(erased)", reply.body)
            shown = reply.body.split("<details>")[0]
            for gone in ("tonight", "bold", "amy", "zebra"):
                self.assertNotIn(gone, shown)
            # Nor does a hash stand in for what is gone.
            self.assertEqual(re.findall(r"[0-9a-f]{64}", shown.replace(request["digest"][7:], "")), [])


if __name__ == "__main__":
    unittest.main()
