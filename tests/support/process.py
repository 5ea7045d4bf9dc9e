"""Real programs for the tests and the demo: starts and stops the binary, speaks to its API and to the
workspace's control API, with nothing but Python's standard library."""
import atexit
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
USERS = {"riley": "U0RILEY", "amy": "U0AMY", "ben": "U0BEN", "cat": "U0CAT", "dan": "U0DAN", "guest": "U0GUEST",
         "gone": "U0GONE", "stranger": "U0STRANGER"}


def binary():
    given = os.environ.get("COUNTERSIGN_BINARY")
    return given or str(ROOT / "build" / "dev" / "countersign")


def wait_until(what, condition, seconds=20.0, every=0.02):
    """The first true value of `condition`, or AssertionError naming `what` and its last value."""
    until = time.monotonic() + seconds
    value = None
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(every)
    raise AssertionError(f"{what}: not within {seconds} s; last: {value!r}")


class TempFolder:
    """A folder that the server's account may pass through, gone in the end."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="countersign-")
        os.chmod(self.path, 0o755)

    def write(self, name, text):
        path = os.path.join(self.path, name)
        pathlib.Path(path).write_text(text)
        return path

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Clusters:
    """`initdb` takes seconds: one is made and the others start as copies of it."""
    template = None

    @classmethod
    def prepare(cls, home):
        if os.path.exists(os.path.join(home, "postgres", "data")):
            return
        if cls.template is None:
            folder = TempFolder()
            atexit.register(folder.remove)
            made = Program(["postgres", "--home", folder.path])
            made.line(r"^(host=|postgresql:)")
            assert made.stop() == 0, made.text()
            cls.template = os.path.join(folder.path, "postgres")
        os.makedirs(home, exist_ok=True)
        subprocess.run(["cp", "-a", cls.template, os.path.join(home, "postgres")], check=True)


# Cards show the search path of `run`: with one of usual length they are whole, and approved by one click.
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Program:
    """One run of the binary, its lines collected as they come."""

    def __init__(self, arguments, environment=None, program=None):
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith("COUNTERSIGN_") or k in ("COUNTERSIGN_LOG_LEVEL",)}
        clean["PATH"] = SEARCH_PATH
        clean.update(environment or {})
        self.child = subprocess.Popen([program or binary(), *arguments], env=clean, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        self.out, self.err = [], []
        self._lines = queue.Queue()
        self._readers = [threading.Thread(target=self._read, args=(stream, into), daemon=True)
                         for stream, into in ((self.child.stdout, self.out), (self.child.stderr, self.err))]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, into):
        for line in stream:
            into.append(line.rstrip("\n"))
        stream.close()

    def line(self, pattern, seconds=60.0):
        """The match of the first line, on either stream, in which `pattern` is found."""
        def look():
            for text in [*self.out, *self.err]:
                match = re.search(pattern, text)
                if match:
                    return match
            if self.child.poll() is not None and not any(r.is_alive() for r in self._readers):
                raise AssertionError(f"ended with {self.child.returncode} before {pattern!r}: {self.text()}")
            return None
        return wait_until(f"line {pattern!r} ({self.text()[-600:]})", look, seconds)

    def text(self):
        return "\n".join([*self.out, *self.err])

    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, seconds=60.0):
        code = self.child.wait(seconds)
        for reader in self._readers:
            reader.join(5)
        return code

    def stop(self, seconds=15.0):
        """SIGTERM and its exit code; SIGKILL when that is not heard."""
        if self.running():
            self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end within {seconds} s of SIGTERM: {self.text()[-2000:]}")

    def kill(self):
        if self.running():
            self.signal(signal.SIGKILL)
        self.wait(10)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None


def http(method, url, body=None, headers=None, seconds=30.0):
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    fields = {"Content-Type": "application/json"} if data is not None else {}
    fields.update(headers or {})
    request = urllib.request.Request(url, data=data, method=method, headers=fields)
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return Reply(answer.status, answer.headers, answer.read().decode())
    except urllib.error.HTTPError as answer:
        return Reply(answer.code, answer.headers, answer.read().decode())


class Workspace:
    """The local workspace, as reviewers use it."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def control(self, name, order=None, **query):
        url = f"{self.url}/control/{name}"
        if order is None:
            if query:
                url += "?" + urllib.parse.urlencode(query)
            return http("GET", url).json
        return http("POST", url, order).json

    def messages(self, channel="#approvals"):
        return self.control("messages", channel=channel.lstrip("#"))["messages"]

    def card(self, request_id, channel="#approvals", seconds=20.0):
        """The request's card, once it is posted."""
        return wait_until(f"a card for {request_id}", lambda: self.find_card(request_id, channel), seconds)

    def find_card(self, request_id, channel="#approvals"):
        for message in self.messages(channel):
            metadata = message.get("metadata", {})
            card = metadata.get("event_type") == "countersign_request"  # not a line in a thread
            if card and metadata["event_payload"]["request_id"] == request_id:
                return message
        return None

    def click(self, who, request_id, action, channel="#approvals"):
        card = self.card(request_id, channel)
        return self.click_on(who, card, action, channel)

    def click_on(self, who, card, action, channel="#approvals"):
        return self.control("click", {"user": USERS.get(who, who), "channel": channel.lstrip("#"), "ts": card["ts"],
                                      "action_id": action})

    def approve(self, who, request_id, channel="#approvals"):
        return self.click(who, request_id, "approve", channel)

    def with_reason(self, who, request_id, action, reason, channel="#approvals"):
        """Deny or hold: the click opens a view that asks why."""
        clicked = self.click(who, request_id, action, channel)
        if not clicked.get("acked"):
            return clicked
        user = USERS.get(who, who)
        wait_until("the reason view", lambda: self.control("views", user=user)["views"], 5)
        return self.control("submit_view", {"user": user, "values": {"reason": {"text": reason}}})

    def command(self, who, text, channel="#approvals"):
        return self.control("command", {"user": USERS.get(who, who), "channel": channel.lstrip("#"),
                                        "command": "/approvals", "text": text})

    def ephemerals(self, who):
        return self.control("ephemerals", user=USERS.get(who, who))["ephemerals"]

    def told(self, who, pattern, seconds=10.0):
        """A private message to this person in which `pattern` is found."""
        def look():
            for each in self.ephemerals(who):
                if re.search(pattern, json.dumps(each["message"], ensure_ascii=False)):
                    return each
            return None
        return wait_until(f"{who} being told {pattern!r}; was told {self.ephemerals(who)}", look, seconds)


class Api:
    # Sees every call and its answer: openapi.Document.witness in the system tests.
    witness = None

    def __init__(self, url, token):
        self.url, self.token = url.rstrip("/"), token

    def call(self, method, path, body=None, headers=None, seconds=30.0):
        fields = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        fields.update(headers or {})
        reply = http(method, self.url + path, body, fields, seconds)
        if Api.witness:
            Api.witness(method, path, body, reply.status, reply.headers, reply.body)
        return reply

    def open(self, action="deploy.api", **more):
        reply = self.call("POST", "/v1/requests", {"action": action, **more})
        assert reply.status == 201, (reply.status, reply.body)
        return reply.json

    def show(self, request_id):
        reply = self.call("GET", f"/v1/requests/{request_id}")
        assert reply.status == 200, (reply.status, reply.body)
        return reply.json

    def reaches(self, request_id, state, seconds=20.0):
        def look():
            request = self.show(request_id)
            return request if request["state"] == state else None
        return wait_until(f"{request_id} being {state}", look, seconds)

    def ready(self):
        try:
            return http("GET", self.url + "/readyz", seconds=2)
        except OSError:
            return None


class Client:
    """Runs client verbs against one server."""
    # From the server's URL to one that leads there: past a witness, in the system tests.
    way = staticmethod(lambda url: url)

    def __init__(self, api):
        self.environment = {"COUNTERSIGN_URL": Client.way(api.url), "COUNTERSIGN_TOKEN": api.token}

    def start(self, *arguments, environment=None):
        return Program(arguments, {**self.environment, **(environment or {})})

    def run(self, *arguments, seconds=60.0, environment=None):
        program = self.start(*arguments, environment=environment)
        try:
            program.code = program.wait(seconds)
        except subprocess.TimeoutExpired:
            program.kill()
            raise
        return program


class Dev:
    """`countersign dev` in a folder of its own, on ports that the kernel chooses."""

    def __init__(self, home, policy=None, environment=None):
        self.home = home
        Clusters.prepare(home)
        arguments = ["dev", "--listen", "127.0.0.1:0", "--workspace", "127.0.0.1:0"]
        if policy:
            arguments += ["--policy", policy]
        self.program = Program(arguments, {"COUNTERSIGN_HOME": home, "COUNTERSIGN_LIMITS_REQUESTS_PER_MINUTE": "0",
                                           "COUNTERSIGN_LIMITS_PENDING_PER_REQUESTER": "0",
                                           "COUNTERSIGN_CARDS_COLLAPSE": "false", **(environment or {})})
        try:
            self.workspace = Workspace(self.program.line(r"^workspace\s+(\S+)").group(1))
            url = self.program.line(r"^api\s+(\S+)").group(1)
            self.program.line(r"^try\s+")
        except BaseException:
            self.program.kill()
            raise
        self.api = Api(url, pathlib.Path(home, "token").read_text().strip())
        self.client = Client(self.api)

    def stop(self):
        return self.program.stop()


class Parts:
    """What `dev` holds, each in a process of its own: PostgreSQL, the workspace and the server."""

    def __init__(self, folder, policy=None, environment=None):
        self.folder = folder
        self.policy = policy or str(ROOT / "examples" / "policies" / "sample.yaml")
        self.postgres = self.sandbox = self.server = None
        self.port = 0
        self.environment = {
            "COUNTERSIGN_HOME": folder,
            "COUNTERSIGN_POLICY": self.policy,
            "COUNTERSIGN_SLACK_APP_TOKEN": "xapp-1-A0SIM-dev",
            "COUNTERSIGN_SLACK_BOT_TOKEN": "xoxb-sim-dev",
            "COUNTERSIGN_SLACK_CHANNEL": "#approvals",
            "COUNTERSIGN_DATABASE_POOL": "8",
            "COUNTERSIGN_LIMITS_REQUESTS_PER_MINUTE": "0",  # tests look often
            "COUNTERSIGN_LIMITS_PENDING_PER_REQUESTER": "0",
            "COUNTERSIGN_CARDS_COLLAPSE": "false",  # tests look for each request's own card
            "COUNTERSIGN_KEYS": os.path.join(folder, "keys"),
            **(environment or {}),
        }
        made = self.verb("keys", "create")
        assert made.code == 0, made.text()

    @classmethod
    def of(cls, case, policy=None, environment=None):
        """Parts in a folder of their own, for one test or for all tests of a class: `case.folder` and `case.parts`, which
        go when it ends. `policy`: the text of one; None: that of the examples."""
        clean_up = case.addClassCleanup if isinstance(case, type) else case.addCleanup
        case.folder = TempFolder()
        clean_up(case.folder.remove)
        case.parts = cls(case.folder.path, policy and case.folder.write("policy.yaml", policy), environment)
        clean_up(case.parts.stop)
        return case.parts

    def prepare(self):
        """All but the server."""
        self.start_postgres()
        self.start_sandbox()
        self.migrate()

    def start_postgres(self):
        Clusters.prepare(self.folder)
        self.postgres = Program(["postgres", "--home", self.folder])
        self.environment["COUNTERSIGN_DATABASE"] = self.postgres.line(r"^(host=.*|postgresql:.*)$").group(1)

    def start_sandbox(self):
        self.sandbox = Program(["sandbox", "--listen", "127.0.0.1:0"])
        self.workspace = Workspace(self.sandbox.line(r"^workspace\s+(\S+)").group(1))
        for kind in ("app", "bot"):
            token = self.sandbox.line(rf"^{kind} token\s+(\S+)").group(1)
            self.environment[f"COUNTERSIGN_SLACK_{kind.upper()}_TOKEN"] = token
        self.teams_password = self.sandbox.line(r"^Teams password\s+(\S+)").group(1)
        self.environment["COUNTERSIGN_SLACK_API_URL"] = self.workspace.url + "/api/"

    def migrate(self):
        done = self.verb("migrate")
        assert done.code == 0, done.text()

    def verb(self, *arguments, seconds=60.0):
        program = Program(arguments, self.environment)
        program.code = program.wait(seconds)
        return program

    def sql(self, statement):
        """What the database answers, as text without headings."""
        done = subprocess.run(["psql", "-XAt", "-d", self.environment["COUNTERSIGN_DATABASE"], "-c", statement],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def make_token(self, *arguments):
        scope = [] if "--scope" in arguments else ["--scope", "request,read"]
        made = self.verb("token", "create", "--name", "test", *scope, *arguments)
        assert made.code == 0, made.text()
        return made.out[0]

    def confirm_token(self, who, token_id, agrees=True):
        """The owner is asked in the chat whether the token may vote for them, and answers."""
        told = len(self.workspace.ephemerals(who))
        self.workspace.command(who, f"confirm {token_id}")
        asked = wait_until(f"{who} being asked", lambda: self.workspace.ephemerals(who)[told:])[-1]
        clicked = self.workspace.control("click", {
            "user": USERS.get(who, who), "channel": "approvals", "ts": asked["ts"],
            "action_id": "token_agree" if agrees else "token_decline"})
        word = "Confirmed" if agrees else "revoked"
        self.workspace.told(who, word)
        return asked, clicked

    def start_server(self, wait_ready=True, environment=None):
        """On the port of the first time, so that waiters find it again."""
        listen = f"127.0.0.1:{self.port}"
        self.server = Program(["serve"], {**self.environment, "COUNTERSIGN_LISTEN": listen, **(environment or {})})
        url = self.server.line(r"listening on (http://\S+)").group(1)
        self.port = int(url.rsplit(":", 1)[1])
        self.url = url
        if wait_ready:
            self.wait_ready()

    def wait_ready(self, seconds=30.0):
        api = Api(self.url, "")
        def look():
            reply = api.ready()
            return reply is not None and reply.status == 200
        try:
            wait_until("/readyz", look, seconds)
        except AssertionError:
            reply = api.ready()
            raise AssertionError(f"not ready: {reply.body if reply else 'no answer'}: {self.server.text()[-1500:]}")

    def start(self, owner="slack:T0SIM/U0RILEY"):
        self.prepare()
        token = self.make_token(*(["--owner", owner] if owner else []))
        self.start_server()
        self.api = Api(self.url, token)
        self.client = Client(self.api)
        return self

    def stop(self):
        for program in (self.server, self.sandbox, self.postgres):
            if program is not None and program.running():
                try:
                    program.stop()
                except AssertionError:
                    program.kill()
