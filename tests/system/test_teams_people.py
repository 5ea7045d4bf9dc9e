"""Every way round the rule that nobody approves their own request, in Teams: the twin of each route that
test_people goes in Slack, and the routes that lead from one chat to the other. The real server, PostgreSQL and the
workspace's two chats."""
import json
import re
import unittest

from process import Api, Parts, wait_until
from self_approval import SelfApprovalRoutes
from test_people import CODE
from test_teams import CHANNEL, TENANT, Teams

GROUP = "19:ops@thread.v2"
OBJECTS = {"riley": "e5", "amy": "a1", "ben": "b2", "cat": "c3", "dan": "d4"}
# Further accounts, all of them in the group: one for each test that needs one.
SPARES = [f"spare{n}" for n in range(1, 12)]


def object_of(who):
    tail = OBJECTS[who] if who in OBJECTS else f"{0x100 + int(who[5:]):x}"
    return f"00000000-0000-4000-8000-{tail:0>12}"


def teams(who):
    return f"teams:{TENANT}/{object_of(who)}"


POLICY = f"""
version: 1
people:
  riley: {{ email: riley@sim.example, teams: {object_of("riley")}, github: riley-dev }}
  amy: {{ teams: {object_of("amy")}, slack: U0AMY }}
  ben: {{ teams: {object_of("ben")} }}
  cat: {{ teams: {object_of("cat")} }}
groups:
  security: {{ teams_channel: "{GROUP}" }}
  dba: {{ people: [cat] }}
rules:
  - name: one
    when: {{ action: "one.*" }}
    require: {{ count: 1, of: security }}
  - name: two
    when: {{ action: "two.*" }}
    require: {{ count: 2, of: security }}
  - name: owners
    when: {{ action: "owners.*" }}
    require: {{ count: 1, of: dba }}
  - name: glass
    when: {{ action: "glass.*" }}
    require: {{ count: 1, of: security }}
    self_approval: {{ allow: [riley], reason: required }}
"""


class TeamsSelfApproval(SelfApprovalRoutes, unittest.TestCase):
    """One test for each route round the rule. riley's Teams account owns the token `api` files requests with."""

    BEHIND = "You are behind this request"
    OWNERS = (*SelfApprovalRoutes.OWNERS, f"teams:{object_of('riley').upper()}")
    RILEY, SPARES = "riley", SPARES
    account = staticmethod(teams)

    @classmethod
    def setUpClass(cls):
        Parts.of(cls, POLICY).prepare()
        cls.workspace = cls.parts.workspace
        cls.teams = Teams(cls.workspace)
        cls.workspace.control("limits", {"limits": "off"})
        cls.parts.environment.update(cls.teams.settings(cls.parts.teams_password))
        owner = cls.parts.make_token("--owner", teams("riley"))
        robot = cls.parts.make_token()
        cls.parts.start_server()
        cls.teams.order("bot", messages_url=cls.parts.url + "/api/messages")
        for spare in SPARES:
            cls.teams.order("users", name=spare, object=object_of(spare))
        cls.members = ["amy", "ben", "riley", *SPARES]
        cls.teams.order("members", conversation=GROUP, users=cls.members)
        cls.api, cls.robot = Api(cls.parts.url, owner), Api(cls.parts.url, robot)

    def card(self, request):
        """The request's card as it stands now; a conversation takes 60 messages in 30 s, so it may take its time."""
        def look():
            card = self.teams.card(request, 60)
            actions = card["activity"]["attachments"][0]["content"].get("actions", [])
            approve = next((action["data"] for action in actions if action["title"] == "Approve"), None)
            now = self.api_of(request).show(request["id"])
            fresh = now["state"] != "pending" or (approve and approve["version"] == now["version"])
            return (card, approve) if fresh else None
        return wait_until("a card that is up to date", look, 60)

    def approve(self, who, request, **inputs):
        """What their client sends for the card's own Approve, whether or not their view of it still has one."""
        card, data = self.card(request)
        invoke = self.teams.activity(who, f"{CHANNEL};messageid={card['root']}", card["id"])
        invoke["value"] = {"action": {"type": "Action.Execute", "verb": "approve", "data": {**data, **inputs}},
                           "trigger": "manual"}
        return self.teams.order("send", activity=invoke)

    def refused(self, who, request, sentence):
        """Their press changes nothing, tells them alone, and is an event."""
        others = {name: len(self.teams.messages(f"a:1{name}")) for name in ("amy", "ben", "cat") if name != who}
        self.card(request)
        before = self.events("request.vote_refused", request)
        votes = self.api_of(request).show(request["id"])["votes"]
        answer = self.approve(who, request)
        self.assertEqual(answer["status"], 200, answer)
        self.assertRegex(json.dumps(answer["body"], ensure_ascii=False), sentence)
        for name, count in others.items():
            self.assertEqual(len(self.teams.messages(f"a:1{name}")), count, f"{name} was told too")
        # Lines of what happened before may still be on their way; none of them says what only this person is told.
        told = json.dumps([line["activity"] for line in self.thread_of(request)], ensure_ascii=False)
        self.assertNotRegex(told, sentence, "the thread was told")
        now = self.api_of(request).show(request["id"])
        self.assertEqual((now["state"], now["votes"]), ("pending", votes))
        self.assertEqual(self.events("request.vote_refused", request), before + 1)

    def thread_of(self, request):
        root = self.teams.card(request, 60)["id"]
        return [message for message in self.teams.messages() if message["root"] == root]

    def accepted(self, who, request):
        answer = self.approve(who, request)
        self.assertEqual(answer["status"], 200, answer)
        self.assertIn(who if who in OBJECTS else teams(who),
                      {vote["person"] for vote in self.api_of(request).show(request["id"])["votes"]}, answer["body"])

    # ---- linking by code

    def code(self, who):
        told = len(self.teams.messages(f"a:1{who}"))
        self.teams.say(who, "link")

        def look():
            return CODE.search(json.dumps([m for m in self.teams.messages(f"a:1{who}")[told:] if m["from"] == "bot"]))
        return wait_until(f"a code for {who}", look).group(0)

    def asked(self, who, since=0):
        def look():
            questions = [m for m in self.teams.messages(f"a:1{who}")[since:]
                         if m["from"] == "bot" and "Yes, both are mine" in json.dumps(m["activity"])]
            return questions[-1] if questions else None
        return wait_until(f"{who} being asked", look)

    def give(self, who, code):
        told = len(self.teams.messages(f"a:1{who}"))
        self.teams.say(who, f"link {code}")
        return self.asked(who, told)

    def agree(self, who, question, title="Yes, both are mine"):
        return self.teams.order("press", user=who, message=question["id"], title=title)

    def link_by_code(self, asker, giver):
        code = self.code(asker)
        told = len(self.teams.messages(f"a:1{asker}"))
        question = self.give(giver, code)
        linked = self.events("person.linked")
        self.agree(giver, question)
        answer = self.asked(asker, told)
        for text in (json.dumps(question), json.dumps(answer)):
            self.assertIn(object_of(asker), text)
            self.assertIn(object_of(giver), text)
        self.assertEqual(self.events("person.linked"), linked, "one side's word links nothing")
        self.agree(asker, answer)
        wait_until("the link", lambda: self.events("person.linked") == linked + 1)

    # ---- the routes

    def test_TheSameTeamsAccount(self):
        self.refused("riley", self.api.open("one.x"), self.BEHIND)

    def test_ByEveryWayThatTeamsHasToVote(self):
        request = self.api.open("one.x")
        card, _ = self.card(request)
        pressed = self.teams.press("riley", request, "Approve")
        self.assertIn(self.BEHIND, json.dumps(pressed["body"]))
        self.assertNotIn('"title": "Approve"', json.dumps(pressed["body"]))
        # An old client sends the fallback as a message.
        action = next(each for each in card["activity"]["attachments"][0]["content"]["actions"] if each["title"] == "Approve")
        told = len(self.teams.messages("a:1riley"))
        message = self.teams.activity("riley", f"{CHANNEL};messageid={card['root']}", card["id"], "message")
        message["value"] = action["fallback"]["data"]
        self.assertEqual(self.teams.order("send", activity=message)["status"], 200)
        wait_until("riley being told", lambda: self.BEHIND in json.dumps(self.teams.messages("a:1riley")[told:]))
        # A dialog's button, and one at the end of a full view that was never read.
        for more in ({}, {"page": 1, "pass": "AAAAAAAAAAAAAAAAAAAAAA"}):
            dialog = self.teams.activity("riley", CHANNEL, card["id"])
            dialog["name"] = "task/submit"
            dialog["value"] = {"data": {**action["data"], **more}}
            self.assertEqual(self.teams.order("send", activity=dialog)["status"], 200)
        # Words, and the button that words are answered with for those who may.
        told = len(self.teams.messages("a:1riley"))
        self.teams.say("riley", f"approve {request['number']}")
        wait_until("riley being told", lambda: self.BEHIND in json.dumps(self.teams.messages("a:1riley")[told:]))
        shown = self.approve("riley", request, about="shown", approve_reason="mine")
        self.assertEqual(shown["status"], 200)
        now = self.api.show(request["id"])
        self.assertEqual((now["state"], now["votes"], now["version"]), ("pending", [], 1))

    def test_TheRequestersSecondTeamsAccountLinkedByCode(self):
        self.link_by_code("riley", SPARES[0])
        self.refused(SPARES[0], self.api.open("one.x"), self.BEHIND)

    def test_LookAlikeNames(self):
        # A display name is anybody's choice and gives nothing.
        self.teams.order("users", name="amy2", object="00000000-0000-4000-8000-0000000002a1", real_name="Amy Okafor")
        everybody = [user["login"] for user in self.workspace.control("teams/state")["users"]]
        self.teams.order("members", conversation=CHANNEL, users=everybody)
        self.refused("amy2", self.api.open("one.x"), "Only members of security")

    def test_ALinkCodeTypedByTheWrongPersonMakesNobodyAnApprover(self):
        request = self.api.open("one.x")
        code = self.code("ben")
        told = len(self.teams.messages("a:1ben"))
        question = self.give("dan", code)
        self.agree("dan", question)
        asked = self.asked("ben", told)
        linked = self.events("person.linked")
        self.agree("ben", asked, "No")
        self.assertEqual(self.events("person.linked"), linked)
        self.refused("dan", request, "Only members of security")
        # Even had ben agreed: a link takes rights away and gives none.
        self.people("link", teams("dan"), "cat")
        owners = self.api.open("owners.x")
        self.refused("dan", owners, "Only members of dba")
        self.accepted("cat", owners)
        self.api.reaches(owners["id"], "approved")

    def test_AnUnlinkedAccountInTheOtherChat(self):
        request = self.robot.open("one.x", on_behalf_of=["slack:T0SIM/U0DAN"])
        self.refused(SPARES[6], request, "Nothing shows that you are not")
        self.refused("riley", request, "Nothing shows that you are not")

    def test_WhoAskedInSlackDoesNotApproveInTeams(self):
        api = Api(self.parts.url, self.parts.make_token("--owner", "slack:T0SIM/U0AMY"))
        self.refused("amy", api.open("one.x"), self.BEHIND)

    def test_WhoAskedInTeamsDoesNotApproveInSlack(self):
        api = Api(self.parts.url, self.parts.make_token("--owner", teams("amy")))
        request = api.open("one.x")
        self.workspace.card(request["id"])
        self.assertTrue(self.workspace.approve("amy", request["id"])["acked"])
        self.workspace.told("amy", self.BEHIND)
        self.assertEqual(api.show(request["id"])["votes"], [])

    def test_TwoAccountsInTwoChatsAreOneVote(self):
        request = self.api.open("two.x")
        self.accepted("amy", request)
        self.workspace.card(request["id"])
        self.workspace.approve("amy", request["id"])
        now = self.api.show(request["id"])
        self.assertEqual((now["state"], len(now["votes"])), ("pending", 1))

    def test_ARequesterAddedToTheGroupLater(self):
        api = Api(self.parts.url, self.parts.make_token("--owner", teams("cat")))
        request = api.open("one.x")
        self.teams.order("members", conversation=GROUP, users=[*self.members, "cat"])
        self.addCleanup(self.teams.order, "members", conversation=GROUP, users=self.members)
        self.refused("cat", request, self.BEHIND)

    def test_APolicyThatNamesTheRequesterInSelfApprovalForAnotherRule(self):
        self.refused("riley", self.api.open("one.glass"), self.BEHIND)

    def test_APolicyNamesThemInSelfApprovalAndItWorks(self):
        request = self.api.open("glass.break")
        card, _ = self.card(request)
        asked = self.teams.press("riley", request, "Approve")
        self.assertEqual(self.api.show(request["id"])["state"], "pending")
        self.assertIn("approve_reason", json.dumps(asked["body"]))
        self.teams.order("press", user="riley", message=card["id"], title="Approve", reason="the site is down")
        vote = self.api.reaches(request["id"], "approved")["votes"][0]
        self.assertEqual((vote["person"], vote["self_approval"], vote["counted_for"], vote["reason"], vote["via"]),
                         ("riley", True, "security", "the site is down", "teams"))
        self.assertEqual(self.events("breakglass.used", request), 1)
        wait_until("the thread to say so", lambda: re.search("approves own request, allowed by policy",
                                                             json.dumps(self.thread_of(request))))

    def test_AnAccountLinkedToThemDoesNotBorrowTheGrant(self):
        self.people("link", "riley", teams(SPARES[8]))
        self.noticed()
        self.refused(SPARES[8], self.api.open("glass.break"), "not listed there")


if __name__ == "__main__":
    unittest.main()
