"""The programs that are measured. Each files requests through its own API and lives on the same stand-in."""
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import time

from . import filling, process
from .postgres import free_port
from .standin import Trouble

APPROVERS = 64
PEER_BODY = json.dumps({"action": "db.export", "requester": "U0REQ", "intent": "Monthly churn analysis {n}",
                        "params": {"rows": 120000, "destination": "s3://exports/{n}"}}, separators=(",", ":"))
BODY = json.dumps({"action": "db.export", "resource": "postgres://orders/users", "environment": "production",
                   "intent": "Monthly churn analysis {n}", "on_behalf_of": ["slack:U0REQ"],
                   "parameters": {"rows": 120000, "destination": "s3://exports/{n}"}}, separators=(",", ":"))


class Subject:
    name = ""
    filled = None  # (finished, pending): so many requests are there already
    sockets = 1
    has_waiters = False
    has_readiness = False
    path = "/requests"
    body = PEER_BODY
    token = None

    def __init__(self):
        self.child = None
        self.port = 0
        self.log = None

    def prepare(self, work):
        """Prepares a round: a fresh database and the like."""

    def launch(self, standin_port):
        """Returns (arguments, environment)."""
        raise NotImplementedError

    def start(self, standin_port, work):
        self.standin_port = standin_port
        self.log = work / f"{self.name}.log"
        self.port = self.choose_port()
        self.spawn()
        self.await_port()

    def choose_port(self):
        return free_port()

    def spawn(self):
        arguments, environment = self.launch(self.standin_port)
        kept = ("PATH", "HOME", "LANG")
        clean = {name: os.environ[name] for name in kept if name in os.environ}
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([str(a) for a in arguments], env={**clean, **environment},
                                          stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def await_port(self):
        give_up_at = time.monotonic() + 20
        while time.monotonic() < give_up_at:
            if self.child.poll() is not None:
                raise Trouble(f"{self.name} ended with {self.child.returncode}: {self.last_words()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise Trouble(f"{self.name} does not listen on port {self.port}: {self.last_words()}")

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-6:]) or "(it said nothing)"

    def stop(self):
        if self.child is None:
            return
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(12)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child = None

    def api(self):
        values = {"port": self.port, "path": self.path, "body": self.body}
        if self.token:
            values["token"] = self.token
        return values

    def processor_us(self):
        return process.processor_us(self.child.pid)

    def memory_mb(self):
        return process.resident_mb(self.child.pid)


class EmptyBot(Subject):
    name = "empty_bot"
    has_waiters = True

    def __init__(self, binary):
        super().__init__()
        self.binary = binary

    def launch(self, standin_port):
        return [self.binary, standin_port, self.port], {}


class GoPeer(Subject):
    name = "slack-go"

    def __init__(self, binary, postgres):
        super().__init__()
        self.binary, self.postgres = binary, postgres

    def choose_port(self):
        port = 8901  # it knows no other
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise Trouble(f"{self.name}: port {port} is taken by another program")
        return port

    def prepare(self, work):
        self.database = self.postgres.fresh_database("peer")

    def launch(self, standin_port):
        return [self.binary], {"PGURL": self.database, "ACK": "late",
                               "SLACK_API_URL": f"http://127.0.0.1:{standin_port}/api/"}


class BoltPeer(GoPeer):
    name = "bolt"

    def __init__(self, script, modules, postgres):
        super().__init__(script, postgres)
        self.modules = modules

    def choose_port(self):
        return free_port()

    def launch(self, standin_port):
        _, environment = super().launch(standin_port)
        return ["node", self.binary], {**environment, "NM_FROM": str(self.modules), "PORT": str(self.port)}


class Countersign(Subject):
    name = "countersign"
    sockets = 2
    has_waiters = True
    has_readiness = True
    path = "/v1/requests"
    body = BODY

    def __init__(self, binary, postgres):
        super().__init__()
        self.binary, self.postgres = binary, postgres

    def prepare(self, work):
        self.database = self.postgres.fresh_database("countersign")
        self.policy = work / "policy.yaml"
        self.keys = work / "keys"
        people = "".join(f"  p{i:03}: {{ slack: U0P{i:03} }}\n" for i in range(APPROVERS))
        names = ", ".join(f"p{i:03}" for i in range(APPROVERS))
        self.policy.write_text(f"version: 1\npeople:\n  requester: {{ slack: U0REQ }}\n{people}"
                               f"groups:\n  reviewers: {{ people: [{names}] }}\n"
                               "rules:\n  - name: exports\n    when: { action: db.export }\n"
                               "    require: { count: 1, of: reviewers }\n")
        self.verb("keys", "create")
        self.verb("migrate")
        self.token = self.verb("token", "create", "--name", "bench", "--scope", "request,read").strip()

    def fill(self, finished, pending):
        """Goes on with a database that holds so many requests."""
        self.stop()
        filling.fill(self.postgres, "countersign", finished, pending)
        self.spawn()
        self.await_port()

    def settings(self):
        return {"COUNTERSIGN_DATABASE": self.database, "COUNTERSIGN_POLICY": str(self.policy),
                "COUNTERSIGN_KEYS": str(self.keys)}

    def verb(self, *arguments):
        done = subprocess.run([str(self.binary), *arguments], env={**os.environ, **self.settings()},
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Trouble(f"countersign {' '.join(arguments[:2])} failed: {done.stderr.strip()}")
        return done.stdout

    def launch(self, standin_port):
        return [self.binary, "serve"], {
            **self.settings(), "COUNTERSIGN_LISTEN": f"127.0.0.1:{self.port}",
            "COUNTERSIGN_SLACK_API_URL": f"http://127.0.0.1:{standin_port}/api/",
            "COUNTERSIGN_SLACK_APP_TOKEN": "xapp-1-A0BENCH-bench",
            "COUNTERSIGN_SLACK_BOT_TOKEN": "xoxb-bench",
            "COUNTERSIGN_SLACK_CHANNEL": "C0OPS",
            # One token files everything as fast as it can, which the limits are there to prevent.
            "COUNTERSIGN_LIMITS_REQUESTS_PER_MINUTE": "0", "COUNTERSIGN_LIMITS_PENDING_PER_REQUESTER": "0",
            "COUNTERSIGN_CARDS_COLLAPSE": "false"}  # each request has a card, whose clicks are measured

    def await_port(self):
        self.await_ready()

    def await_ready(self):
        give_up_at = time.monotonic() + 20
        said = "nothing"
        while time.monotonic() < give_up_at:
            if self.child.poll() is not None:
                raise Trouble(f"{self.name} ended with {self.child.returncode}: {self.last_words()}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/readyz")
                answer = connection.getresponse()
                said = answer.read().decode(errors="replace")
                connection.close()
                if answer.status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.001)
        raise Trouble(f"{self.name} is not ready: {said}")

    def time_starts(self, count):
        """Returns the median milliseconds from exec to a 200 of /readyz, on the database as the load left it."""
        times = []
        for _ in range(count):
            self.stop()
            began = time.monotonic()
            self.spawn()
            self.await_ready()
            times.append((time.monotonic() - began) * 1000)
        return statistics.median(times)


class FilledCountersign(Countersign):
    name = "countersign, filled"

    def __init__(self, binary, postgres, filled):
        super().__init__(binary, postgres)
        self.filled = filled


def all_of(binaries, postgres, filled):
    out = [EmptyBot(binaries.empty_bot)]
    if binaries.countersign.exists():
        out.append(Countersign(binaries.countersign, postgres))
        if filled:
            out.append(FilledCountersign(binaries.countersign, postgres, filled))
    else:
        print(f"countersign: skipped, {binaries.countersign} is not there", flush=True)
    if binaries.go_peer:
        out.append(GoPeer(binaries.go_peer, postgres))
    if binaries.bolt_peer:
        out.append(BoltPeer(binaries.bolt_peer, binaries.bolt_modules, postgres))
    return out
