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

    # ---- tokens of ours

    def test_a_revoked_token_ends_and_its_last_use_is_known(self):
        made = self.parts.verb("token", "create", "--name", "short-lived", "--scope", "read", "--json")
        token = json.loads("\n".join(made.out))
        api = Api(self.parts.url, token["token"])
        self.assertEqual(api.call("GET", "/v1/requests").status, 200)
        self.assertEqual(self.parts.verb("token", "revoke", token["id"]).code, 0)
        ended = wait_until("the revocation", lambda: (lambda r: r.status == 401 and r)(api.call("GET", "/v1/requests")))
        self.assertEqual(ended.json["code"], "token_revoked")


if __name__ == "__main__":
    unittest.main()
