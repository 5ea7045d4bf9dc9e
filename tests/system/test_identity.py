"""Who calls: jobs with tokens of their CI system, and tokens of ours. The real server, PostgreSQL, the workspace, and an
issuer that speaks TLS."""
import json
import unittest

from issuer import Issuer
from process import Api, Parts, TempFolder, wait_until

AUDIENCE = "https://approvals.example.com"
POLICY = """
version: 1
people:
  riley: { slack: U0RILEY, github: riley-dev }
  amy: { slack: U0AMY }
groups:
  security: { slack_usergroup: S0SEC }
rules:
  - name: deploys
    when: { action: "deploy.*" }
    require: { count: 1, of: security }
"""


class IdentityTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.issuer = Issuer(cls.folder.path)
        cls.addClassCleanup(cls.issuer.stop)
        cls.stranger = Issuer(cls.folder.path, "stranger")  # of an authority that the server does not trust
        cls.addClassCleanup(cls.stranger.stop)
        cls.parts = Parts(cls.folder.path, cls.folder.write("policy.yaml", POLICY))
        cls.addClassCleanup(cls.parts.stop)
        cls.parts.environment["SSL_CERT_FILE"] = cls.issuer.authority
        cls.parts.environment["COUNTERSIGN_IDENTITY_ISSUERS"] = json.dumps([
            {"issuer": one.url, "audience": AUDIENCE, "kind": "github", "claims": {"repository_owner_id": "7"}}
            for one in (cls.issuer, cls.stranger)])
        cls.parts.start()
        cls.parts.workspace.control("limits", {"limits": "off"})
        cls.parts.workspace.control("groups", {"id": "S0SEC", "users": ["U0AMY", "U0RILEY"]})
        cls.workspace = cls.parts.workspace

    def token(self, issuer=None, **claims):
        return (issuer or self.issuer).token(**{
            "aud": AUDIENCE, "sub": "repo:acme/shop:environment:production", "repository": "acme/shop",
            "repository_owner_id": "7", "event_name": "push", "actor": "riley-dev", "run_id": "1", "run_attempt": "1",
            **claims})

    def as_job(self, **claims):
        return Api(self.parts.url, self.token(**claims))

    def refused(self, status, code, token):
        reply = Api(self.parts.url, token).call("POST", "/v1/requests", {"action": "deploy.api"})
        self.assertEqual((reply.status, reply.json["code"]), (status, code), reply.body)

    # ---- workloads

    def test_a_job_goes_all_the_way_without_a_secret(self):
        asked = self.as_job().open("deploy.whole", environment="production")
        self.assertEqual(asked["requester"]["name"], "acme/shop")
        self.assertEqual(asked["requester"]["people"], ["riley"])
        self.assertEqual(asked["requester"]["claims"]["repository_owner_id"], "7")
        job = Api(self.parts.url, asked["access_token"])
        self.assertTrue(self.workspace.approve("amy", asked["id"])["acked"])
        waited = job.call("GET", f"/v1/requests/{asked['id']}?wait=30")
        self.assertEqual(waited.json["state"], "approved")
        grant = job.call("POST", f"/v1/requests/{asked['id']}/claim", {"digest": asked["digest"]})
        self.assertEqual(grant.status, 200, grant.body)
        done = job.call("POST", f"/v1/requests/{asked['id']}/outcome", {"status": "succeeded"})
        self.assertEqual(done.json["state"], "succeeded", done.body)

    def test_who_started_the_job_cannot_approve_it(self):
        asked = self.as_job().open("deploy.own")
        self.workspace.approve("riley", asked["id"])
        self.workspace.told("riley", "your own request|behind this request|own")
        self.assertEqual(self.parts.api.show(asked["id"])["votes"], [])

    def test_nobody_approves_a_re_run_of_which_nobody_knows_who_started_it(self):
        asked = self.as_job(run_attempt="2").open("deploy.again")
        self.workspace.approve("amy", asked["id"])
        self.workspace.told("amy", "whoever started attempt 2")
        self.assertEqual(self.parts.api.show(asked["id"])["state"], "pending")

    def test_a_token_is_for_us_for_now_and_of_somebody_let_in(self):
        self.refused(401, "oidc_audience", self.token(aud="https://other.example.com"))
        self.refused(401, "oidc_audience", self.token(aud=[AUDIENCE, "https://other.example.com"]))
        self.refused(401, "oidc_expired", self.token(exp=1))
        self.refused(403, "oidc_claims", self.token(repository_owner_id="8"))
        self.refused(403, "oidc_event", self.token(event_name="pull_request_target"))
        whole = self.token()
        self.refused(401, "oidc_signature", whole[:-8] + ("AAAAAAAA" if not whole.endswith("AAAAAAAA") else "BBBBBBBB"))

    def test_keys_come_only_from_whom_tls_vouches_for(self):
        reply = Api(self.parts.url, self.token(self.stranger)).call("POST", "/v1/requests", {"action": "deploy.api"})
        self.assertEqual((reply.status, reply.json["code"]), (503, "issuer_unreachable"), reply.body)
        self.assertIn("certificate", reply.json["detail"])
        self.assertEqual(self.stranger.fetched, {})

    def test_a_used_token_stays_used_across_a_restart(self):
        once = self.token()
        first = Api(self.parts.url, once).open("deploy.once")
        self.refused(401, "token_replayed", once)
        self.parts.server.stop()
        self.parts.start_server()
        self.refused(401, "token_replayed", once)
        access = Api(self.parts.url, first["access_token"])
        self.assertEqual(access.show(first["id"])["state"], "pending")

    # ---- votes

    def voter(self, owner, who, agrees=True):
        made = self.parts.verb("token", "create", "--name", "phone", "--scope", "vote", "--owner", owner, "--json")
        token = json.loads(made.out[0])
        self.assertIn(f"/approvals confirm {token['id']}", made.text())
        return token

    def vote(self, token, request, verdict="approve", **more):
        return Api(self.parts.url, token["token"]).call("POST", f"/v1/requests/{request['id']}/votes",
                                                        {"verdict": verdict, "digest": request["digest"], **more})

    def until_confirmed(self, token, request, **more):
        """A server remembers for less than a second what it knew of a token."""
        return wait_until("the vote being heard", lambda: (lambda r: r.json.get("code") != "token_unconfirmed" and r)(
            self.vote(token, request, **more)))

    def test_a_token_votes_once_its_owner_has_agreed_in_the_chat(self):
        token = self.voter("amy", "amy")
        asked = self.parts.api.open("deploy.voted")
        refused = self.vote(token, asked)
        self.assertEqual((refused.status, refused.json["code"]), (403, "token_unconfirmed"), refused.body)
        self.workspace.command("riley", f"confirm {token['id']}")
        self.workspace.told("riley", "no token of yours")
        question, _ = self.parts.confirm_token("amy", token["id"])
        self.assertIn(token["hint"], json.dumps(question))
        done = self.until_confirmed(token, asked, reason="from my phone")
        self.assertEqual((done.status, done.json["state"]), (200, "approved"), done.body)
        self.assertEqual([(v["person"], v["via"]) for v in done.json["votes"]], [("amy", "api")])
        thread = wait_until("the vote in the card's thread", lambda: [
            m for m in self.workspace.messages() if m.get("thread_ts") == self.workspace.card(asked["id"])["ts"]
            and "from my phone" in json.dumps(m)])
        self.assertIn("API", json.dumps(thread))
        events = self.parts.api.call("GET", "/v1/events?type=token.confirmed&after=-1", headers={"Accept": "application/json"})
        self.assertIn(token["id"], events.body)
        listed = json.loads(self.parts.verb("token", "list", "--json").out[0])
        self.assertEqual(next(t for t in listed if t["id"] == token["id"])["confirmed"]["by"], "slack:T0SIM/U0AMY")

    def test_an_owner_who_says_no_ends_the_token(self):
        token = self.voter("amy", "amy")
        self.parts.confirm_token("amy", token["id"], agrees=False)
        asked = self.parts.api.open("deploy.refused")
        ended = wait_until("the token's end", lambda: (lambda r: r.status == 401 and r)(self.vote(token, asked)))
        self.assertEqual(ended.json["code"], "token_revoked")

    def test_nobody_approves_their_own_request_through_a_token(self):
        token = self.voter("riley", "riley")
        self.parts.confirm_token("riley", token["id"])
        asked = self.parts.api.open("deploy.mine")  # by riley's token
        refused = self.until_confirmed(token, asked)
        self.assertEqual((refused.status, refused.json["code"]), (403, "self_approval"), refused.body)
        self.assertEqual(self.parts.api.show(asked["id"])["state"], "pending")

    # ---- tokens of ours

    def test_a_revoked_token_ends_and_its_last_use_is_known(self):
        made = self.parts.verb("token", "create", "--name", "short-lived", "--scope", "read", "--json")
        token = json.loads("\n".join(made.out))
        api = Api(self.parts.url, token["token"])
        self.assertEqual(api.call("GET", "/v1/requests").status, 200)
        self.assertEqual(self.parts.verb("token", "revoke", token["id"]).code, 0)
        ended = wait_until("the revocation", lambda: (lambda r: r.status == 401 and r)(api.call("GET", "/v1/requests")))
        self.assertEqual(ended.json["code"], "token_revoked")
        log = self.parts.api.call("GET", "/v1/events?after=-1", headers={"Accept": "application/json"}).json["events"]
        acts = [e["type"] for e in log if e.get("subject") == token["id"]]
        self.assertEqual(acts, ["countersign.token.created", "countersign.token.revoked"])


if __name__ == "__main__":
    unittest.main()
