"""Votes that begin at a terminal and are confirmed in the chat."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from process import USERS, Client, Api, Parts, wait_until  # noqa: E402


class TerminalVotes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Parts.of(cls).start()
        cls.api, cls.workspace = cls.parts.api, cls.parts.workspace
        token = cls.parts.make_token("--owner", "amy", "--scope", "read")
        cls.amy = Client(Api(cls.parts.url, token))

    def question(self, who, action, seconds=10):
        """The newest direct message of the bot to them that has this button."""
        user = USERS[who]

        def look():
            found = [message for message in self.workspace.control("messages", channel=user)["messages"]
                     if f'"{action}"' in json.dumps(message.get("blocks", []))]
            return found[-1] if found else None
        return wait_until(f"a question to {who}", look, seconds)

    def press(self, who, action):
        asked = self.question(who, action)
        return self.workspace.control("click", {"user": USERS[who], "channel": USERS[who], "ts": asked["ts"],
                                                "action_id": action})

    def test_approve_shows_asks_and_is_a_vote_once_it_is_confirmed_in_the_chat(self):
        request = self.api.open(resource="from a terminal")
        verb = self.amy.start("approve", str(request["number"]), "--yes", "--reason", "looks right")
        verb.line(r"You are asked in Slack")
        self.assertIn("from a terminal", verb.text())
        self.assertEqual(self.api.show(request["id"])["votes"], [], "the terminal alone votes for nobody")
        clicked = self.press("amy", "approve")
        self.assertTrue(clicked["acked"], clicked)
        self.assertEqual(verb.wait(), 0, verb.text())
        self.assertIn("You approved this.", verb.text())
        vote = self.api.show(request["id"])["votes"][0]
        self.assertEqual([vote["person"], vote["verdict"], vote["via"], vote["reason"]],
                         ["amy", "approve", "slack", "looks right"])

    def test_hold_release_withdraw_and_deny_each_take_a_word_in_the_chat(self):
        request = self.api.open("db.export", environment="production", on_behalf_of=["riley"])
        for arguments, pattern, check in (
                (["hold", "--reason", "backup runs"], "put this on hold", lambda r: r["held"]["person"] == "amy"),
                (["release"], "released", lambda r: r["held"] is None),
                (["deny", "--reason", "wrong table"], "denied", lambda r: r["state"] == "denied")):
            with self.subTest(arguments[0]):
                verb = self.amy.start(arguments[0], request["id"], "--yes", *arguments[1:])
                verb.line("You are asked in Slack")
                self.assertTrue(self.press("amy", "vote_agree")["acked"])
                self.assertEqual(verb.wait(), 0, verb.text())
                self.assertRegex(verb.text(), pattern)
                self.assertTrue(check(self.api.show(request["id"])))

    def test_a_no_records_nothing_and_the_verb_says_that_it_was_not_confirmed(self):
        request = self.api.open(resource="unconfirmed")
        verb = self.amy.start("deny", request["id"], "--yes", "--reason", "no", "--within", "3s")
        verb.line("You are asked in Slack")
        self.press("amy", "vote_decline")
        self.assertEqual(verb.wait(), 1, verb.text())
        self.assertIn("was not confirmed in time", verb.text())
        self.assertEqual(self.api.show(request["id"])["state"], "pending")

    def test_what_would_not_count_is_said_at_once(self):
        own = Client(self.api)  # riley's token, and riley is behind what it files
        request = self.api.open()
        said = own.run("approve", request["id"], "--yes")
        self.assertEqual(said.code, 2)
        self.assertRegex(said.text(), "You cannot|yourself|behind")
        self.assertEqual(self.amy.run("deny", request["id"], "--yes").code, 2)
        said = self.amy.run("approve", request["id"])
        self.assertEqual(said.code, 2)
        self.assertIn("--yes", said.text())
        self.assertEqual(self.amy.run("approve", "999999", "--yes").code, 2)


if __name__ == "__main__":
    unittest.main()
