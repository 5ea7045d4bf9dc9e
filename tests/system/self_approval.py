"""Ways round the rule that nobody approves their own request which are the same in every chat."""
from process import Api, wait_until


class PeopleActs:
    """What is done about people from outside, and what came of it, whichever chat they are in."""

    def events(self, kind, request=None):
        where = f"type = '{kind}'"
        if request:
            where += f" AND request_id = (SELECT id FROM request WHERE number = {request['number']})"
        return int(self.parts.sql(f"SELECT count(*) FROM event WHERE {where}"))

    def api_of(self, request):
        return self.robot if request["requester"]["kind"] == "workload" else self.api

    def people(self, *arguments):
        done = self.parts.verb("people", *arguments)
        self.assertEqual(done.code, 0, done.text())
        return done

    def noticed(self):
        """What was said of people so far is known to the server: a link that was made later is."""
        canary = self.api.open("two.canary")
        self.people("link", "riley", f"github:canary-{canary['number']}")
        wait_until("the server's notice", lambda: self.api.show(canary["id"])["version"] == 2)

    def judged_again(self, request, version):
        wait_until("the request being judged again",
                   lambda: self.api_of(request).show(request["id"])["version"] == version)


class SelfApprovalRoutes(PeopleActs):
    """One test for each route. A chat's own tests mix these in. They say how an account is written (`account`), and who
    is riley in that chat (`RILEY`); `SPARES` are accounts of the group, one for each test that needs one; and they bring
    `refused`, `accepted` and `link_by_code`. riley owns the token that `api` files requests with."""

    BEHIND = "behind this request"
    OWNERS = ("email:Riley@Sim.example", "github:Riley-Dev", "riley")

    def test_TheOwnerOfTheCiTokenByWhicheverAccountItNames(self):
        for owner in self.OWNERS:
            with self.subTest(owner):
                api = Api(self.parts.url, self.parts.make_token("--owner", owner))
                self.refused("riley", api.open("one.x"), self.BEHIND)

    def test_ThePersonInOnBehalfOf(self):
        self.refused("riley", self.robot.open("one.x", on_behalf_of=["riley"]), self.BEHIND)
        self.refused("amy", self.robot.open("one.x", on_behalf_of=[self.account("amy")]), self.BEHIND)

    def test_AnAgentForAPersonForAnother(self):
        request = self.api.open("one.x", on_behalf_of=["amy", "ben"])
        for who in ("riley", "amy", "ben"):
            self.refused(who, request, self.BEHIND)

    def test_APersonLinkedAfterTheRequestWasOpened(self):
        request = self.api.open("one.x")
        self.link_by_code(self.RILEY, self.SPARES[1])
        self.refused(self.SPARES[1], request, self.BEHIND)

    def test_LinkedBetweenVoteAndDecision(self):
        spare = self.SPARES[2]
        request = self.api.open("two.x")
        self.accepted(spare, request)
        self.assertEqual(self.api.show(request["id"])["votes"][0]["counted_for"], "security")
        self.people("link", self.account("riley"), self.account(spare))
        self.judged_again(request, 3)
        self.assertEqual(self.events("request.rejudged", request), 1)
        self.accepted("amy", request)
        self.assertEqual(self.api.show(request["id"])["state"], "pending", "one vote of two is left")
        self.refused(spare, request, self.BEHIND)
        self.accepted("ben", request)
        self.assertEqual({v["person"] for v in self.api.reaches(request["id"], "approved")["votes"] if v["counted_for"]},
                         {"amy", "ben"})

    def test_UnlinkedToGetRound(self):
        before, between = self.SPARES[3:5]
        self.people("link", "riley", self.account(before))
        self.noticed()
        request = self.api.open("one.x")
        late = self.api.open("one.y")
        self.people("unlink", self.account(before))
        self.refused(before, request, self.BEHIND)
        # Linked only after the opening, and unlinked again before the vote.
        self.people("link", "riley", self.account(between))
        self.people("unlink", self.account(between))
        self.judged_again(late, 2)
        self.refused(between, late, self.BEHIND)

    def test_AnAddressInAnotherCaseOrWithATag(self):
        for address in ("email:RILEY@sim.EXAMPLE", "email:riley+ci@sim.example", "email:Riley+a+b@Sim.example"):
            with self.subTest(address):
                self.refused("riley", self.robot.open("one.x", on_behalf_of=[address]), self.BEHIND)

    def test_CancelledAndFiledAgainByAnotherAccountOfTheSamePerson(self):
        spare = self.account(self.SPARES[5])
        self.people("link", self.account("riley"), spare)
        first = self.api.open("one.x")
        self.assertEqual(self.api.call("POST", f"/v1/requests/{first['id']}/cancel", {}).status, 200)
        again = Api(self.parts.url, self.parts.make_token("--owner", spare))
        wait_until("the link", lambda: "riley" in again.open("one.z")["requester"]["people"])
        self.refused("riley", again.open("one.x"), self.BEHIND)

    def test_SomebodyKnownByAnAddressAloneBlocksUntilTheyAreLinked(self):
        spare = self.SPARES[7]
        request = self.robot.open("one.x", on_behalf_of=["email:sam@elsewhere.example"])
        chat = self.account("amy").partition("/")[0]
        self.refused("amy", request, f"countersign people link email:sam@elsewhere.example {chat}/")
        self.people("link", "email:sam@elsewhere.example", self.account(spare))
        self.judged_again(request, 2)
        self.refused(spare, request, self.BEHIND)
        self.accepted("amy", request)
        self.robot.reaches(request["id"], "approved")
