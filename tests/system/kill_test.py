#!/usr/bin/env python3
"""Kills the server at random moments of real work, again and again, and checks what must hold afterwards:

- no acknowledged vote is missing, none counts twice;
- within five seconds every card shows the truth;
- everybody who waits gets the answer.

Usage: kill_test.py [CYCLES] [SEED]     PostgreSQL, the workspace and the server are three processes.

What a failed run knows is left in a folder that it names: the log of every server (COUNTERSIGN_LOG_LEVEL=debug says
more), every click with its outcome, what people were told, and the tables.
"""
import json
import pathlib
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from process import Parts, TempFolder  # noqa: E402

REQUESTS_PER_CYCLE = 8
REVIEWERS = ("amy", "ben", "cat")
CARD_TRUE_WITHIN_S = 5.0
CYCLE_MAX_S = 60.0


class Wrong(Exception):
    pass


class Request:
    """One request of a cycle: filed, waited for, and approved by three people who click until it is noted."""

    def __init__(self, parts, name, seed):
        self.parts, self.name, self.random = parts, name, random.Random(seed)
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
        body = {"action": "db.export", "environment": "production", "resource": self.name, "intent": "kill test"}
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

    def join(self):
        for thread in self.threads:
            thread.join(CYCLE_MAX_S + 30)
            if thread.is_alive():
                raise Wrong(f"{self.name} hangs; {self.problem}")
        if len(self.threads) > 1:
            self.threads[1].join(CYCLE_MAX_S + 30)
        if self.problem:
            raise Wrong(f"{self.name} ({self.id}): {self.problem}")


def buttons(card):
    ids = [e.get("action_id") for b in card["blocks"] if b["type"] == "actions" for e in b["elements"]]
    return "approve" in ids


class KillTest:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.folder = TempFolder()
        self.parts = Parts(self.folder.path)
        self.kills = self.clicks = self.unacked = 0
        self.slowest_card_s = 0.0
        self.servers = []
        self.begun = []  # the requests of this cycle

    def start(self):
        self.parts.start()
        self.parts.workspace.control("limits", {"limits": "off"})

    def cycle(self, number):
        begun = [Request(self.parts, f"cycle-{number}-{i}", self.random.random()) for i in range(REQUESTS_PER_CYCLE)]
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
              f"{test.slowest_card_s:.2f} s")
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
