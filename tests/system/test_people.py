"""People rather than accounts: every way round the rule that nobody approves their own request, and the verbs
and commands that say whose an account is. The real server, PostgreSQL and the workspace."""
import datetime
import json
import re
import unittest

from process import USERS, Api, Parts, http, wait_until
from self_approval import PeopleActs, SelfApprovalRoutes

POLICY = """
version: 1
people:
  riley: { email: riley@sim.example, slack: U0RILEY, github: riley-dev }
  amy: { slack: U0AMY }
  ben: { slack: U0BEN }
  cat: { slack: U0CAT }
groups:
  security: { slack_usergroup: S0SEC }
  dba: { people: [cat] }
  leads: { people: [ben, cat] }
rules:
  - name: one
    when: { action: "one.*" }
    require: { count: 1, of: security }
  - name: two
    when: { action: "two.*" }
    require: { count: 2, of: security }
  - name: lost
    when: { action: "lost.*" }
    require: { count: 1, of: security }
    notify: { slack: "#no-such-channel" }
  - name: owners
    when: { action: "owners.*" }
    require: { count: 1, of: dba }
  - name: glass
    when: { action: "glass.*" }
    require: { count: 1, of: security }
    self_approval: { allow: [riley], reason: required }
  - name: counted
    when: { action: "counted.*" }
    require: { count: 2, of: security }
    deny: { count: 2, of: leads }
    hold: { release: leads }
"""
CODE = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\b")
# Further accounts in the workspace, all of them in the group: one for each test that needs one.
SPARES = [f"U0SPARE{n}" for n in range(1, 13)]


def slack(user):
    return f"slack:T0SIM/{user}"


class PeopleTest(PeopleActs, unittest.TestCase):
    """One server for all tests of a class. riley owns the token `api` files requests with."""
    settings = {}

    @classmethod
    def setUpClass(cls):
        Parts.of(cls, POLICY, cls.settings).prepare()
        cls.workspace = cls.parts.workspace
        cls.workspace.control("limits", {"limits": "off"})
        for spare in SPARES:
            cls.workspace.control("users", {"id": spare, "name": spare.lower(), "email": f"{spare.lower()}@sim.example"})
        cls.members = ["U0AMY", "U0BEN", "U0RILEY", *SPARES]
        cls.workspace.control("groups", {"id": "S0SEC", "users": cls.members})
        cls.tokens = {}
        owner = cls.parts.make_token("--owner", slack("U0RILEY"))
        cls.robot_token = cls.parts.make_token()
        cls.parts.start_server()
        cls.api = Api(cls.parts.url, owner)
        cls.robot = Api(cls.parts.url, cls.robot_token)

    def accepted(self, who, request):
        self.assertTrue(self.workspace.approve(who, request["id"])["acked"])

    def refused(self, who, request, sentence):
        """Their click changes nothing, tells them alone, and is an event."""
        others = {name: len(self.workspace.ephemerals(name)) for name in ("amy", "ben", "cat") if name != who}
        told = len(self.workspace.ephemerals(who))
        before = self.events("request.vote_refused", request)
        votes = self.api_of(request).show(request["id"])["votes"]
        self.assertTrue(self.workspace.approve(who, request["id"])["acked"])
        said = wait_until(f"{who} being told", lambda: self.workspace.ephemerals(who)[told:])
        self.assertRegex(json.dumps(said[-1]["message"]["blocks"], ensure_ascii=False), sentence)
        for name, count in others.items():
            self.assertEqual(len(self.workspace.ephemerals(name)), count, f"{name} was told too")
        now = self.api_of(request).show(request["id"])
        self.assertEqual((now["state"], now["votes"]), ("pending", votes))
        self.assertEqual(self.events("request.vote_refused", request), before + 1)

    # ---- linking by code

    def code(self, who):
        answer = self.workspace.command(who, "link")
        found = CODE.search(json.dumps(answer["answer"]))
        self.assertIsNotNone(found, answer)
        return found.group(0)

    @staticmethod
    def asks(message):
        return "link_agree" in json.dumps(message.get("blocks", []))

    def give(self, who, code):
        """Types the code and returns the private question it makes."""
        told = len(self.workspace.ephemerals(who))
        self.workspace.command(who, f"link {code}")
        said = wait_until(f"{who} being answered", lambda: self.workspace.ephemerals(who)[told:])
        return said[-1]

    def question_of(self, user):
        """The bot's direct message that asks this user to agree."""
        def look():
            asked = [m for m in self.workspace.control("messages", channel=user)["messages"] if self.asks(m)]
            return asked[-1] if asked else None
        return wait_until(f"a direct message to {user}", look)

    def press(self, user, channel, ts, agrees):
        return self.workspace.control("click", {"user": user, "channel": channel, "ts": ts,
                                                "action_id": "link_agree" if agrees else "link_decline"})

    def link_by_code(self, asker, giver):
        question = self.give(giver, self.code(asker))
        linked = self.events("person.linked")
        self.press(giver, "approvals", question["ts"], True)
        asked = self.question_of(asker)
        for text in (json.dumps(question["message"]), json.dumps(asked)):
            self.assertIn(slack(asker), text)
            self.assertIn(slack(giver), text)
        self.assertEqual(self.events("person.linked"), linked, "one side's word links nothing")
        self.press(asker, asker, asked["ts"], True)
        wait_until("the link", lambda: self.events("person.linked") == linked + 1)


class SelfApproval(SelfApprovalRoutes, PeopleTest):
    """One test for each route round the rule."""

    RILEY, SPARES = "U0RILEY", SPARES

    @staticmethod
    def account(who):
        return slack(USERS.get(who, who))

    def test_TheSameSlackUser(self):
        self.refused("riley", self.api.open("one.x"), self.BEHIND)

    def test_TheRequestersSecondSlackAccountLinkedByCode(self):
        self.link_by_code("U0RILEY", SPARES[0])
        self.refused(SPARES[0], self.api.open("one.x"), self.BEHIND)

    def test_LookAlikeNames(self):
        # Cyrillic і: the policy lists nobody of that name.
        reply = self.robot.call("POST", "/v1/requests", {"action": "one.x", "on_behalf_of": ["r\u0456ley"]})
        self.assertEqual((reply.status, reply.json["code"]), (422, "unknown_person"))
        self.assertIn('did you mean "riley"?', reply.json["detail"])
        # A display name is anybody's choice and gives nothing.
        self.workspace.control("users", {"id": "U0FAKE", "name": "amy", "real_name": "Amy Okafor"})
        self.refused("U0FAKE", self.api.open("one.x"), "Only members of security")

    def test_ALinkCodeTypedByTheWrongPersonMakesNobodyAnApprover(self):
        request = self.api.open("one.x")
        question = self.give("dan", self.code("U0AMY"))
        self.press("U0DAN", "approvals", question["ts"], True)
        asked = self.question_of("U0AMY")
        linked = self.events("person.linked")
        self.press("U0AMY", "U0AMY", asked["ts"], False)
        self.assertEqual(self.events("person.linked"), linked)
        self.refused("dan", request, "Only members of security")
        # Even had amy agreed: a link takes rights away and gives none.
        self.people("link", slack("U0DAN"), "cat")
        owners = self.api.open("owners.x")
        self.refused("dan", owners, "Only members of dba")
        self.assertTrue(self.workspace.approve("cat", owners["id"])["acked"])
        self.api.reaches(owners["id"], "approved")

    def test_AnUnlinkedAccountInTheOtherChat(self):
        other = "teams:9f1c3a52-7d2e-4c0b-9f5e-1d2c3b4a5f60/8f0c2d4e-0000-4000-8000-1b2c3d4e5f60"
        request = self.robot.open("one.x", on_behalf_of=[other])
        self.refused("riley", request, f"Nothing shows that you are not {other}.*`@Countersign link`")
        self.refused("amy", request, f"policy lists {other} and you under `people:`")

    def test_ARequesterAddedToTheGroupLater(self):
        api = Api(self.parts.url, self.parts.make_token("--owner", slack("U0CAT")))
        request = api.open("one.x")
        self.workspace.control("groups", {"id": "S0SEC", "users": [*self.members, "U0CAT"]})
        self.addCleanup(self.workspace.control, "groups", {"id": "S0SEC", "users": self.members})
        self.refused("cat", request, self.BEHIND)

    def test_APolicyThatNamesTheRequesterInSelfApprovalForAnotherRule(self):
        self.refused("riley", self.api.open("one.glass"), self.BEHIND)

    def test_APolicyNamesThemInSelfApprovalAndItWorks(self):
        request = self.api.open("glass.break")
        told = len(self.workspace.ephemerals("riley"))
        self.workspace.with_reason("riley", request["id"], "approve", "the site is down")
        vote = self.api.reaches(request["id"], "approved")["votes"][0]
        self.assertEqual((vote["person"], vote["self_approval"], vote["counted_for"], vote["reason"]),
                         ("riley", True, "security", "the site is down"))
        self.assertEqual(self.events("breakglass.used", request), 1)
        self.assertIn("riley", self.api.show(request["id"])["requester"]["people"])
        self.assertEqual(len(self.workspace.ephemerals("riley")), told)
        wait_until("the thread to say so", lambda: "approves own request, allowed by policy" in
                   json.dumps(self.workspace.messages()))

    def test_AnAccountLinkedToThemDoesNotBorrowTheGrant(self):
        self.people("link", "riley", slack(SPARES[11]))
        self.noticed()
        self.refused(SPARES[11], self.api.open("glass.break"), "not listed there")


class Reading(PeopleTest):
    def answered(self, who, words, channel="#approvals"):
        return json.dumps(self.workspace.command(who, words, channel), ensure_ascii=False)

    def test_AGuestReadsNothingOfChannelsTheyAreNotIn(self):
        request = self.api.open("counted.x", parameters={"note": "tangerine"})
        number = request["number"]
        self.workspace.card(request["id"])
        for words in (f"show {number}", f"show {request['id']}", "all", "mine", f"deny {number} no", f"approve {number}"):
            told = self.answered("U0GUEST", words, "#prod-approvals")
            self.assertNotIn("tangerine", told, words)
            self.assertNotIn("counted.x", told, words)
        self.assertIn("tangerine", self.answered("U0GUEST", f"show {number}"))
        self.assertEqual(self.api.show(request["id"])["version"], 1)

    def test_WhatItsChannelCannotShowTheDefaultChannelShowsAndTheCallerIsTold(self):
        request = self.api.open("lost.x")
        self.workspace.card(request["id"])
        told = wait_until("the caller to be told", lambda: self.api.show(request["id"])["cards"][0].get("problem"), 10)
        self.assertIn("channel_not_found", told)
        wait_until("the card to be on record", lambda: "unannounced" not in self.api.show(request["id"]), 10)
        ready = wait_until("readyz to say so", lambda: http("GET", self.api.url + "/readyz").json.get("warnings"), 15)
        self.assertIn("#no-such-channel", ready[0])
        self.assertEqual(http("GET", self.api.url + "/readyz").status, 200)
        self.workspace.click("amy", request["id"], "approve")
        self.api.reaches(request["id"], "approved")

    def test_ApprovingByWordsAsksOnceMore(self):
        request = self.api.open("glass.break")
        self.workspace.card(request["id"])
        told = self.answered("amy", f"approve {request['number']} fine by me")
        self.assertIn("Nothing is recorded yet", told)
        self.assertEqual(self.api.show(request["id"])["votes"], [])
        question = self.workspace.ephemerals("amy")[-1]
        self.workspace.control("click", {"user": "U0AMY", "channel": question["channel"], "ts": question["ts"],
                                         "action_id": "approve"})
        self.assertEqual(self.api.reaches(request["id"], "approved")["votes"][0]["reason"], "fine by me")


class Rulings(PeopleTest):
    def test_TwoLeadsDenyAndOneDoesNot(self):
        request = self.api.open("counted.x")
        self.workspace.command("cat", f"deny {request['number']} not today")
        self.assertEqual(self.api.show(request["id"])["deny"],
                         {"any": False, "counts": [{"group": "leads", "count": 2, "given": 1}]})
        self.workspace.command("amy", f"deny {request['number']} nor me")
        self.assertEqual(self.api.show(request["id"])["state"], "pending")
        self.workspace.command("ben", f"deny {request['number']} no")
        self.assertEqual(self.api.reaches(request["id"], "denied")["reason"], "no")

    def test_ALeadReleasesWhatSomebodyElseHolds(self):
        request = self.api.open("counted.y")
        self.workspace.command("amy", f"hold {request['number']} which rows?")
        self.workspace.approve("amy", request["id"])
        self.workspace.approve("ben", request["id"])
        self.assertEqual(self.api.show(request["id"])["release"], ["leads"])
        self.workspace.command(SPARES[0], f"release {request['number']}")
        self.assertEqual(self.api.show(request["id"])["state"], "pending")
        self.workspace.command("cat", f"release {request['number']}")
        self.api.reaches(request["id"], "approved")


class TrustedAddresses(PeopleTest):
    settings = {"COUNTERSIGN_IDENTITY_TRUST_EMAIL_DOMAINS": "sim.example"}

    def test_AConfirmedAddressOfATrustedDomainIsThatPerson(self):
        request = self.robot.open("one.x", on_behalf_of=["email:U0spare9+bot@sim.example"])
        self.refused(SPARES[8], request, "behind this request")
        # The list of users says whose the address is: amy is demonstrably somebody else.
        def approved():
            self.workspace.approve("amy", request["id"])
            return self.robot.show(request["id"])["state"] == "approved"
        wait_until("amy's approval", approved)

    def test_AnUnconfirmedAddressSaysNothing(self):
        self.workspace.control("users", {"id": "U0SLY", "name": "sly", "email": "boss@sim.example",
                                         "is_email_confirmed": False})
        request = self.robot.open("one.x", on_behalf_of=["email:boss@sim.example"])
        self.refused("amy", request, "Nothing shows that you are not email:boss@sim.example")

    def test_AnAddressThatMovesTakesItsRequestsAlong(self):
        request = self.robot.open("one.x", on_behalf_of=["email:moving@sim.example"])
        self.workspace.control("users", {"id": SPARES[9], "email": "moving@sim.example"})
        self.refused(SPARES[9], request, "behind this request")


class Verbs(PeopleTest):
    def list(self):
        return {p["person"]: [a["account"] for a in p["accounts"] if not a["unlinked_at"]]
                for p in json.loads(self.people("list", "--json").out[0])}

    def test_LinkShowUnlinkAndMergeSayWhatIsSo(self):
        self.people("link", "github:Octo", slack(SPARES[0]))
        self.assertIn("github:octo", self.list()[slack(SPARES[0])])
        self.people("link", "oidc:https://ci.example|octo", "email:octo@example.com")
        done = self.parts.verb("people", "link", "email:Octo@example.com", slack(SPARES[0]))
        self.assertEqual(done.code, 2)
        self.assertIn("countersign people merge email:octo@example.com", done.text())
        self.people("merge", "email:octo@example.com", slack(SPARES[0]))
        shown = json.loads(self.people("show", "github:octo", "--json").out[0])
        self.assertEqual(shown["person"], slack(SPARES[0]))
        self.assertEqual({a["account"] for a in shown["accounts"]},
                         {"github:octo", slack(SPARES[0]), "oidc:https://ci.example|octo", "email:octo@example.com"})
        self.people("unlink", "github:OCTO")
        self.assertNotIn("github:octo", self.list()[slack(SPARES[0])])
        self.assertIn("unlinked", self.people("show", slack(SPARES[0])).text())
        self.assertEqual(self.list()["riley"], ["email:riley@sim.example", "slack:U0RILEY", "github:riley-dev"])

    def test_WhatIsWrongIsSaidWithWhatToDo(self):
        for arguments, words in ((["link", "slack:U0AMY", "riley"], "slack:T0SIM/U0AMY"),
                                 (["link", "nobody", "riley"], "neither a person of the policy nor an account"),
                                 (["link", "riley", "riley"], "the same account"),
                                 (["unlink", "github:none"], "linked to nobody"),
                                 (["show", "github:none"], "a person of its own")):
            with self.subTest(arguments):
                done = self.parts.verb("people", *arguments)
                self.assertEqual(done.code, 2, done.text())
                self.assertIn(words, done.text())

    def test_MergedPeopleAreOneVoterOnOpenRequests(self):
        request = self.api.open("two.x")
        for who in (SPARES[1], SPARES[2]):
            self.assertTrue(self.workspace.approve(who, self.api.open("one.x")["id"])["acked"])
        self.assertTrue(self.workspace.approve(SPARES[1], request["id"])["acked"])
        closed = self.api.open("one.x")
        self.workspace.approve(SPARES[2], closed["id"])
        closed = self.api.reaches(closed["id"], "approved")
        self.people("merge", slack(SPARES[1]), slack(SPARES[2]))
        self.noticed()
        self.workspace.approve(SPARES[2], request["id"])
        self.workspace.told(SPARES[2], "already approved")
        self.assertEqual(self.api.show(request["id"])["state"], "pending")
        self.assertEqual(self.api.show(closed["id"])["version"], closed["version"], "closed requests stay as they are")


class Commands(PeopleTest):
    def test_AWrongCodeIsCountedAndTheFifthWasTheLast(self):
        for _ in range(5):
            self.assertIn("wrong, used, or older", json.dumps(self.give("U0BEN", "0000-00000-00000")["message"]))
        self.assertIn("too many wrong codes", json.dumps(self.give("U0BEN", self.code("U0AMY"))["message"]))
        self.assertIn("this is no code", json.dumps(self.give("U0CAT", "hello")["message"]))
        self.assertIn("asked for the code", json.dumps(self.give("U0CAT", self.code("U0CAT"))["message"]))

    def test_ACodeIsNowhereInTheDatabase(self):
        code = self.code("U0AMY")
        dump = self.parts.sql("SELECT string_agg(t::text, ' ') FROM link_code t")
        self.assertNotIn(code.replace("-", "")[4:], dump.replace("-", ""))

    def test_WhoIsAwayIsNotAskedAndMayVoteAllTheSame(self):
        self.assertIn("Say until which day", json.dumps(self.workspace.command("amy", "away until tomorrow")))
        request = self.api.open("one.x")
        day = (datetime.date.today() + datetime.timedelta(days=100)).isoformat()
        answer = json.dumps(self.workspace.command("amy", f"away until {day} @ben"))
        self.assertIn(f"You are away until {day}", answer)
        self.assertNotIn("amy", self.api.show(request["id"])["missing"][0]["could_approve"])
        self.assertIn("ben", self.api.show(request["id"])["missing"][0]["could_approve"])
        self.assertTrue(self.workspace.approve("amy", request["id"])["acked"])
        self.api.reaches(request["id"], "approved")
        self.assertIn("Welcome back", json.dumps(self.workspace.command("amy", "away off")))
        again = self.api.open("one.x")
        self.assertIn("amy", self.api.show(again["id"])["missing"][0]["could_approve"])


if __name__ == "__main__":
    unittest.main()
