#!/usr/bin/env python3
"""Kills the server at random moments of real work, again and again, and checks what must hold afterwards:

- no acknowledged vote is missing, none counts twice, however often a chat delivers it;
- within five seconds every card shows the truth, once somebody looks at it where a chat does not say what was posted;
- everybody who waits gets the answer.

Some requests stand in Slack and in Teams, and each of their reviewers takes one of the two.

Usage: kill_test.py [CYCLES] [SEED]     PostgreSQL, the workspace and the server are three processes.

What a failed run knows is left in a folder that it names: the log of every server (COUNTERSIGN_LOG_LEVEL=debug says
more), every click with its outcome, what people were told, and the tables.
"""
import json
import os
import pathlib
import random
import re
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from process import Api, Parts, TempFolder  # noqa: E402
from test_teams import CHANNEL, Teams  # noqa: E402

REQUESTS_PER_CYCLE = 8
# Of them; a conversation of Teams takes 60 messages in 30 s, so its conversations take turns.
IN_TEAMS_TOO = int(os.environ.get("COUNTERSIGN_KILLS_IN_TEAMS", "2"))
CONVERSATIONS = (CHANNEL, "19:harbor@thread.tacv2", "19:ops@thread.v2")
# It takes 1,800 an hour as well, and a request comes to seven. Without more of them, a run that is quicker than an
# hour's share waits for the hour's end.
IN_TEAMS_AN_HOUR = 200 * len(CONVERSATIONS)
POLICY = """
version: 1
people:
  amy: { slack: U0AMY, teams: 00000000-0000-4000-8000-0000000000a1 }
  ben: { slack: U0BEN, teams: 00000000-0000-4000-8000-0000000000b2 }
  cat: { slack: U0CAT, teams: 00000000-0000-4000-8000-0000000000c3 }
groups:
  reviewers: { people: [amy, ben, cat] }
rules:
  - { name: exports, when: { action: "db.*" }, require: { count: 3, of: reviewers }, notify: { slack: "#approvals" } }
""" + "".join(f"""  - name: in teams {place}
    when: {{ action: "db.teams-{place}" }}
    require: {{ count: 3, of: reviewers }}
    notify: {{ teams: "{conversation}" }}
""" for place, conversation in enumerate(CONVERSATIONS))
# What a vote that is noted is answered with in Teams.
NOTED = re.compile(r"You approved this|already approved this")
REVIEWERS = ("amy", "ben", "cat")
CARD_TRUE_WITHIN_S = 5.0
TEAMS_TRUE_WITHIN_S = 40.0
CYCLE_MAX_S = 60.0


class Wrong(Exception):
    pass


class Request:
    """One request of a cycle: filed, waited for, and approved by three people who click until it is noted."""

    def __init__(self, parts, name, seed, place=None):
        self.parts, self.name, self.random, self.place = parts, name, random.Random(seed), place
        self.teams = Teams(parts.workspace)
        self.id = self.answer = self.problem = None
        self.acked = {}
        self.unacked = 0
        self.clicks = []  # when, who, on which message, and what came of it
        self.deadline = time.monotonic() + CYCLE_MAX_S
        self.threads = [threading.Thread(target=self.guarded, args=(self.live,), daemon=True)]
        self.threads[0].start()

    def guarded(self, work):
        try:
            work()
        except Exception as problem:  # told by the main thread
            self.problem = self.problem or f"{type(problem).__name__}: {problem}"

    def left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Wrong(f"{self.name} ({self.id}) is not done after {CYCLE_MAX_S:.0f} s; acknowledged: {self.acked}")
        return left

    def insist(self, method, path, body=None, headers=None, seconds=75.0):
        while True:
            try:
                reply = self.parts.api.call(method, path, body, headers, min(seconds, self.left()))
                if reply.status < 500 and reply.status != 409:
                    return reply
            except OSError:
                pass
            self.left()
            time.sleep(0.05)

    def live(self):
        action = "db.export" if self.place is None else f"db.teams-{self.place}"
        body = {"action": action, "environment": "production", "resource": self.name, "intent": "kill test"}
        filed = self.insist("POST", "/v1/requests", body, {"Idempotency-Key": self.name})
        if filed.status not in (200, 201):
            raise Wrong(f"filing answered {filed.status}: {filed.body}")
        self.id = filed.json["id"]
        waiter = threading.Thread(target=self.guarded, args=(self.wait,), daemon=True)
        self.threads.append(waiter)
        waiter.start()
        self.click_all()

    def wait(self):
        while True:
            reply = self.insist("GET", f"/v1/requests/{self.id}", headers={"Prefer": "wait=60"})
            if reply.status != 200:
                raise Wrong(f"waiting answered {reply.status}: {reply.body}")
            if reply.json["state"] != "pending":
                self.answer = reply.json["state"]
                return

    def click_all(self):
        people = list(REVIEWERS)
        self.random.shuffle(people)
        card = self.parts.workspace.card(self.id, seconds=self.left())
        for who in people:
            time.sleep(self.random.uniform(0, 0.25))
            if self.place is not None and self.random.random() < 0.6:
                self.press_until_noted(who)
                continue
            while True:
                begun = time.time()
                clicked = self.parts.workspace.click_on(who, card, "approve")
                self.clicks.append({"at": f"{begun:.3f}", "who": who, "card": card["ts"], **clicked})
                if clicked.get("acked"):
                    self.acked[who] = self.acked.get(who, 0) + 1
                    break
                self.unacked += 1
                self.left()
                time.sleep(self.random.uniform(0.05, 0.3))
                # The card may be another one by now, or have lost its buttons because all have voted.
                card = self.parts.workspace.find_card(self.id) or card
                if not buttons(card):
                    break

    def press_until_noted(self, who):
        """Presses Approve in Teams, and delivers what was pressed again, as Teams does where no answer came."""
        conversation = CONVERSATIONS[self.place]

        def look():
            return next(iter(cards_in(self.teams.messages(conversation), self.id)), None)
        card, activity = look(), None
        while card is None:
            time.sleep(0.05)
            self.left()
            card = look()
        for attempt in range(1_000):
            begun = time.time()
            if activity is None or self.random.random() < 0.5:
                pressed = self.teams.order("press", user=who, message=card["id"], title="Approve")
            else:  # under a new id, as from the second time on
                pressed = self.teams.order("send", activity={**activity, "id": f"f:{self.id}-{who}-{attempt}"})
            activity = pressed.get("activity", activity)
            noted = pressed.get("status") == 200 and NOTED.search(json.dumps(pressed["body"]))
            self.clicks.append({"at": f"{begun:.3f}", "who": who, "card": card["id"], "teams": bool(noted),
                                "body": json.dumps(pressed.get("body"))[:2_000], "status": pressed.get("status"),
                                "error": pressed.get("error")})
            if noted:
                self.acked[who] = self.acked.get(who, 0) + 1
                if self.random.random() < 0.3:
                    self.teams.order("send", activity={**activity, "id": f"f:{self.id}-{who}-late"})
                return
            self.unacked += 1
            self.left()
            time.sleep(self.random.uniform(0.05, 0.3))
            card = look() or card
            # The button is another one for whoever voted and did not hear of it.
            shown = json.dumps(self.teams.workspace.control("teams/view", user=who, message=card["id"])["card"])
            if '"title": "Approve"' not in shown:
                return

    def join(self):
        for thread in self.threads:
            thread.join(CYCLE_MAX_S + 30)
            if thread.is_alive():
                raise Wrong(f"{self.name} hangs; {self.problem}")
        if len(self.threads) > 1:
            self.threads[1].join(CYCLE_MAX_S + 30)
        if self.problem:
            raise Wrong(f"{self.name} ({self.id}): {self.problem}")


def cards_in(messages, request):
    """Cards of a request among messages of Teams: those with its buttons, or of which they were before."""
    return [m for m in messages if m["from"] == "bot" and m["id"] == m["root"] and request in json.dumps(m["activity"])]


def buttons(card):
    ids = [e.get("action_id") for b in card["blocks"] if b["type"] == "actions" for e in b["elements"]]
    return "approve" in ids


class KillTest:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.folder = TempFolder()
        self.parts = Parts(self.folder.path, self.folder.write("policy.yaml", POLICY))
        self.kills = self.clicks = self.unacked = 0
        self.slowest_card_s = 0.0
        self.unknown_copies = 0
        self.servers = []
        self.begun = []  # the requests of this cycle

    def start(self):
        self.parts.start_postgres()
        self.parts.start_sandbox()
        self.teams = Teams(self.parts.workspace)
        # No channel of Teams but those that rules name.
        self.parts.environment.update({**self.teams.settings(self.parts.teams_password), "COUNTERSIGN_TEAMS_CHANNEL": ""})
        self.parts.migrate()
        token = self.parts.make_token()
        self.parts.start_server()
        self.parts.api = Api(self.parts.url, token)
        self.parts.workspace.control("limits", {"limits": "off"})
        self.teams.order("bot", messages_url=self.parts.url + "/api/messages")

    def cycle(self, number):
        in_teams = IN_TEAMS_TOO if number * IN_TEAMS_TOO < IN_TEAMS_AN_HOUR else 0
        begun = [Request(self.parts, f"cycle-{number}-{i}", self.random.random(),
                         (number + i) % len(CONVERSATIONS) if i < in_teams else None)
                 for i in range(REQUESTS_PER_CYCLE)]
        self.begun, self.servers = begun, [self.parts.server]
        for _ in range(self.random.choice((1, 1, 2))):
            time.sleep(self.random.uniform(0.02, 1.2))
            self.parts.server.kill()
            self.kills += 1
            time.sleep(self.random.choice((0, 0, 0.3)))
            self.parts.start_server(wait_ready=False)
            self.servers.append(self.parts.server)
        self.parts.wait_ready()
        ready = time.monotonic()
        for request in begun:
            request.join()
        last = max(ready, time.monotonic())
        for request in begun:
            self.check_votes(request)
        self.check_cards(begun, last)
        self.check_cards_in_teams([each for each in begun if each.place is not None])
        self.clicks += sum(sum(r.acked.values()) for r in begun)
        self.unacked += sum(r.unacked for r in begun)

    def check_votes(self, request):
        shown = self.parts.api.reaches(request.id, "approved", 10)
        voters = [vote["person"] for vote in shown["votes"]]
        for who in request.acked:
            if voters.count(who) != 1:
                raise Wrong(f"{request.id}: {who}'s vote was acknowledged and is there {voters.count(who)} times")
        if len(voters) != len(set(voters)) or shown["version"] != 1 + len(voters):
            raise Wrong(f"{request.id}: version {shown['version']} with the votes of {voters}")
        if request.answer != "approved":
            raise Wrong(f"{request.id}: its waiter was told {request.answer}")

    def check_cards(self, requests, since):
        wanted = {r.id: self.parts.api.show(r.id)["version"] for r in requests}

        def untrue():
            found = {each: [] for each in wanted}
            for message in self.parts.workspace.messages():
                metadata = message.get("metadata", {})
                if metadata.get("event_type") == "countersign_request":  # not a line in a thread
                    payload = metadata["event_payload"]
                    if payload["request_id"] in found:
                        found[payload["request_id"]].append(message)
            wrong = []
            for each, cards in found.items():
                for card in cards:
                    version = card["metadata"]["event_payload"]["version"]
                    if version != wanted[each] or buttons(card):
                        wrong.append(f"{each}: card {card['ts']} shows version {version} of {wanted[each]}")
                if not cards:
                    wrong.append(f"{each}: no card")
            return wrong
        while True:
            wrong = untrue()
            took = time.monotonic() - since
            if not wrong:
                self.slowest_card_s = max(self.slowest_card_s, took)
                return
            if took > CARD_TRUE_WITHIN_S:
                raise Wrong(f"after {took:.1f} s: " + "; ".join(wrong))
            time.sleep(0.02)

    def check_cards_in_teams(self, requests):
        """A bot cannot read what it posted in Teams: a message that nobody knows of is told true by whoever sees it."""
        since = time.monotonic()
        looked_at = set()

        def untrue():
            wrong = []
            for each in requests:
                messages = self.teams.messages(CONVERSATIONS[each.place])
                for card in cards_in(messages, each.id):
                    if '"actions"' not in json.dumps(card["activity"]):
                        continue
                    wrong.append(f"{each.id}: the card {card['id']} in Teams has buttons")
                    if card["id"] not in looked_at and time.monotonic() - since > CARD_TRUE_WITHIN_S / 2:
                        looked_at.add(card["id"])
                        self.unknown_copies += 1
                        self.teams.order("refresh", user="amy", message=card["id"])
            return wrong
        while True:
            wrong = untrue()
            if not wrong:
                return
            # A conversation may have to wait for its turn, as its pace is limited.
            if time.monotonic() - since > TEAMS_TRUE_WITHIN_S:
                raise Wrong("; ".join(wrong))
            time.sleep(0.05)

    def leave_traces(self):
        """Writes down what is known of a run that failed, and returns the folder."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-kill-"))
        for number, server in enumerate(self.servers):
            (folder / f"server-{number}.log").write_text(server.text())
        (folder / "workspace.log").write_text(self.parts.sandbox.text())
        clicks = [{"request": each.id, **click} for each in self.begun for click in each.clicks]
        clicks.sort(key=lambda click: click["at"])
        (folder / "clicks").write_text("\n".join(json.dumps(click) for click in clicks))
        asked = {f"told-{who}": lambda who=who: json.dumps(self.parts.workspace.ephemerals(who), indent=1)
                 for who in REVIEWERS}
        asked |= {name: lambda name=name: json.dumps(self.parts.workspace.control(name), indent=1)
                  for name in ("messages?channel=approvals", "sockets")}
        asked |= {f"teams-{place}": lambda conversation=conversation: json.dumps(self.teams.messages(conversation), indent=1)
                  for place, conversation in enumerate(CONVERSATIONS)}
        asked |= {f"table-{name}": lambda name=name: self.parts.sql(f"SELECT * FROM {name}")
                  for name in ("request_state", "entry", "outbox", "card", "pg_stat_activity", "pg_locks")}
        asked["metrics"] = lambda: self.parts.api.call("GET", "/metrics").body
        for name, ask in asked.items():
            try:
                text = ask()
            except Exception as problem:  # what is down says nothing
                text = f"{type(problem).__name__}: {problem}"
            (folder / name.replace("?", "-")).write_text(text)
        return folder

    def stop(self):
        self.parts.stop()
        self.folder.remove()


def main():
    cycles = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    test = KillTest(seed)
    code = 0
    try:
        test.start()
        begun = time.monotonic()
        for number in range(cycles):
            test.cycle(number)
            if cycles <= 20 or number % 20 == 19:
                print(f"  cycle {number + 1}: {test.kills} kills, {time.monotonic() - begun:.0f} s", flush=True)
        print(f"{test.kills} kills, {test.clicks} acknowledged clicks, {test.unacked} unacknowledged; cards true within "
              f"{test.slowest_card_s:.2f} s; {test.unknown_copies} copies in Teams known once they were looked at")
    except (Wrong, AssertionError) as problem:
        print(f"kill test, seed {seed}: {problem}")
        if test.parts.server is not None:
            print(test.parts.server.text()[-4000:])
            print(f"more is in {test.leave_traces()}")
        code = 1
    finally:
        test.stop()
    print(f"{1 - code} passed, {code} failed")
    return code


if __name__ == "__main__":
    sys.exit(main())
