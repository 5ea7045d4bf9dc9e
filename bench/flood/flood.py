#!/usr/bin/env python3
"""Files many alike requests in one channel at once, others in channels of their own, and votes meanwhile.

    bench/flood/flood.py [--requests 1000] [--seconds 10] [--channels 100] [--binary build/release/countersign]

The channel takes one message a second, as Slack documents it. What is said at the end: whether every request stands on a card or
a list, how many messages that took and until when, how long votes took meanwhile, and how long the cards of the other channels.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))


def policy_of(channels):
    rules = ["""
  - name: busy
    when: { action: flood }
    require: { count: 1, of: reviewers }
    notify: { slack: C0BUSY }
    expires: 1h
"""]
    for number in range(channels):
        rules.append(f"""
  - name: other {number}
    when: {{ action: other.{number} }}
    require: {{ count: 1, of: reviewers }}
    notify: {{ slack: C0OTHER{number} }}
    expires: 1h
""")
    return f"""version: 1
people:
  amy: {{ slack: U0AMY }}
  ben: {{ slack: U0BEN }}
groups:
  reviewers: {{ people: [amy, ben] }}
rules:{"".join(rules)}"""


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Flood:
    def __init__(self, parts, requests, seconds, channels):
        self.parts, self.requests, self.seconds, self.channels = parts, requests, seconds, channels
        self.workspace = parts.workspace
        self.filed, self.others = {}, {}

    def prepare(self):
        for channel in ["C0BUSY"] + [f"C0OTHER{number}" for number in range(self.channels)]:
            made = self.workspace.control("channels", {"id": channel, "name": channel.lower(), "silent": True,
                                                       "members": ["U0AMY", "U0BEN", "U0BOT"]})
            assert made.get("ok"), made

    def file(self, index, begun):
        pause = begun + index * self.seconds / self.requests - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        request = self.parts.api.open("flood", environment="production", resource=f"table{index}",
                                      intent=f"part {index}")
        self.filed[request["id"]] = time.monotonic()
        return request["id"]

    def file_other(self, number, begun):
        pause = begun + self.seconds / 2 + number * self.seconds / 4 / max(1, self.channels) - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        at = time.monotonic()
        request = self.parts.api.open(f"other.{number}", environment="production")
        self.workspace.card(request["id"], f"C0OTHER{number}", seconds=60)
        self.others[request["id"]] = time.monotonic() - at

    def shown(self):
        """The requests that stand in the busy channel, and how many messages that takes."""
        found, messages = set(), 0
        for message in self.workspace.messages("C0BUSY"):
            metadata = message.get("metadata") or {}
            if metadata.get("event_type") == "countersign_request":
                found.add(metadata["event_payload"]["request_id"])
            elif metadata.get("event_type") == "countersign_batch":
                found.update(re.findall(r'"(?:row|act)\.(req_\w+)', json.dumps(message["blocks"])))
            else:
                continue
            messages += 1
        return found, messages

    def vote(self, took):
        """Approves a row of a list from its full view."""
        for message in self.workspace.messages("C0BUSY"):
            if (message.get("metadata") or {}).get("event_type") != "countersign_batch":
                continue
            rows = re.findall(r"act\.(req_\w+)\.row\.full", json.dumps(message["blocks"]))
            rows = [row for row in rows if row not in took]
            if not rows:
                continue
            self.workspace.control("click", {"user": "U0BEN", "channel": "C0BUSY", "ts": message["ts"],
                                             "action_id": "row", "value": f"approve {rows[0]}",
                                             "block_id": f"act.{rows[0]}.row.full"})
            at = time.monotonic()
            self.workspace.control("submit_view", {"user": "U0BEN", "values": {}})
            if self.parts.api.show(rows[0])["state"] == "approved":
                took[rows[0]] = time.monotonic() - at
            return

    def run(self):
        self.prepare()
        votes = {}
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            filing = [pool.submit(self.file, index, begun) for index in range(self.requests)]
            beside = [pool.submit(self.file_other, number, begun) for number in range(self.channels)]
            while not all(one.done() for one in filing):
                self.vote(votes)
                time.sleep(0.2)
            for one in filing + beside:
                one.result()
        filed_by = time.monotonic() - begun
        give_up_at = time.monotonic() + 120
        found, messages = self.shown()
        while not set(self.filed) <= found and time.monotonic() < give_up_at:
            time.sleep(0.5)
            found, messages = self.shown()
        self.vote(votes)
        return {"requests": len(self.filed), "filed within s": round(filed_by, 1),
                "shown": len(set(self.filed) & found), "lost": len(set(self.filed) - found), "messages": messages,
                "all shown after s": round(time.monotonic() - begun, 1), "votes meanwhile": len(votes),
                "vote p50 ms": round(1000 * percentile(votes.values(), 0.5)),
                "vote max ms": round(1000 * percentile(votes.values(), 1)),
                "other channels": len(self.others),
                "their card p50 ms": round(1000 * percentile(self.others.values(), 0.5)),
                "their card max ms": round(1000 * percentile(self.others.values(), 1))}


def flood(requests=1000, seconds=10.0, channels=100):
    from process import Parts
    folder = tempfile.TemporaryDirectory()
    policy = pathlib.Path(folder.name, "policy.yaml")
    policy.write_text(policy_of(channels))
    parts = Parts(folder.name, policy=str(policy), environment={"COUNTERSIGN_CARDS_COLLAPSE": "true",
                                                                 "COUNTERSIGN_SLACK_CHANNEL": "C0BUSY"})
    try:
        parts.start(owner=None)
        return Flood(parts, requests, seconds, channels).run()
    finally:
        parts.stop()
        folder.cleanup()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--requests", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--channels", type=int, default=100)
    options.add_argument("--binary", default=str(ROOT / "build" / "release" / "countersign"))
    chosen = options.parse_args()
    os.environ.setdefault("COUNTERSIGN_BINARY", chosen.binary)
    said = flood(chosen.requests, chosen.seconds, chosen.channels)
    for name, value in said.items():
        print(f"{name:20} {value}")
    sys.exit(0 if said["lost"] == 0 and said["other channels"] == chosen.channels else 1)


if __name__ == "__main__":
    main()
