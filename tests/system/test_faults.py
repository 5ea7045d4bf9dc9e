"""The real server while what it depends on fails in ways that do not look like a failure at first: a database that only
reads, one whose disk is full, one that is away for a second."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from process import Api, Parts, wait_until

# Stops one thread of a process, the one by whose number it is called, until its standard input ends.
FREEZE = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
for request in (0x4206, 0x4207):
    if libc.ptrace(request, int(sys.argv[1]), None, None) != 0:
        sys.exit("not allowed")
print("frozen", flush=True)
sys.stdin.read()
"""


class FaultsTest(unittest.TestCase):
    def setUp(self):
        Parts.of(self)

    def start(self):
        self.parts.start()
        self.api = self.parts.api
        self.workspace = self.parts.workspace

    def hang_up(self):
        self.parts.sql("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = "
                       "current_database() AND pid <> pg_backend_pid()")

    def unready(self, word):
        def look():
            reply = self.api.ready()
            return reply and reply.status == 503 and word in reply.body
        wait_until(f"/readyz saying {word!r}", look, 15)

    def psql(self, *statements):
        """As whoever mends it does."""
        command = ["psql", "-XAt", "-d", self.parts.environment["COUNTERSIGN_DATABASE"]]
        for statement in statements:
            command += ["-c", statement]
        return subprocess.run(command, capture_output=True, text=True, timeout=30)


class ReadOnly(FaultsTest):
    def test_NobodyIsToldThatItIsUnknownWhetherAStandbyRecordedSomething(self):
        self.start()
        request = self.api.open()
        self.parts.sql("ALTER DATABASE countersign SET default_transaction_read_only = on")
        self.hang_up()
        self.unready("read-only")
        refused = self.api.call("POST", "/v1/requests", {"action": "deploy.api"})
        self.assertEqual((refused.status, refused.json["code"]), (503, "unavailable"), refused.body)
        self.assertIn("read-only", refused.json["detail"])
        self.assertEqual(self.api.show(request["id"])["state"], "pending", "what is there can be read")
        clicked = self.workspace.approve("amy", request["id"])
        self.assertTrue(clicked["acked"], "the person is told in time")
        self.workspace.told("amy", "NOT recorded")
        self.assertRegex(self.parts.server.text(), "nothing can be written: the database is read-only.*25006")
        mended = self.psql("SET default_transaction_read_only = off",
                           "ALTER DATABASE countersign RESET default_transaction_read_only")
        self.assertEqual(mended.returncode, 0, mended.stderr)
        self.parts.wait_ready(10)
        self.parts.server.line("takes writes again")
        self.assertTrue(self.workspace.approve("amy", request["id"])["acked"])
        self.api.reaches(request["id"], "approved")

    def test_AQuietServerNoticesItToo(self):
        self.start()
        self.parts.sql("ALTER DATABASE countersign SET default_transaction_read_only = on")
        self.hang_up()
        time.sleep(7)  # nobody asks for anything
        self.assertEqual(self.api.ready().status, 503)


class FullDisk(FaultsTest):
    @contextlib.contextmanager
    def small_disk(self):
        place = os.path.join(self.folder.path, "small")
        os.makedirs(place)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("only who may mount a disk can fill one")
        try:
            yield place
        finally:
            self.parts.stop()
            subprocess.run(["umount", "-l", place], check=True)

    def test_NoSpaceIsSaidInTheLogToCallersAndByReadyz(self):
        with self.small_disk() as place:
            self.parts.start_postgres()
            owner = pathlib.Path(self.folder.path, "postgres").stat()
            os.chown(place, owner.st_uid, owner.st_gid)
            self.parts.sql(f"CREATE TABLESPACE small LOCATION '{place}'")
            self.parts.sql("CREATE DATABASE small TABLESPACE small")
            database = self.parts.environment["COUNTERSIGN_DATABASE"]
            self.parts.environment["COUNTERSIGN_DATABASE"] = database.replace("dbname=countersign", "dbname=small")
            self.parts.start_sandbox()
            self.parts.migrate()
            token = self.parts.make_token("--owner", "slack:T0SIM/U0RILEY")
            self.parts.start_server()
            self.api = Api(self.parts.url, token)
            filler = os.path.join(place, "filler")
            with open(filler, "wb") as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 8192)
                    file.flush()
            def refused():
                reply = self.api.call("POST", "/v1/requests", {"action": "deploy.api", "intent": "x" * 3000})
                return reply if reply.status == 503 else None
            reply = wait_until("a request being refused", refused, 60)
            self.assertIn("no space is left", reply.json["detail"])
            self.unready("no space is left")
            self.assertRegex(self.parts.server.text(), "nothing can be written: no space is left.*53100")
            time.sleep(3)
            self.assertEqual(self.api.ready().status, 503, "for as long as it lasts")
            os.unlink(filler)
            self.parts.wait_ready(15)
            self.assertEqual(self.api.open(intent="x" * 3000)["state"], "pending")


class ShortOutage(FaultsTest):
    @contextlib.contextmanager
    def without_a_way_to_the_database(self):
        way = pathlib.Path(self.folder.path, "postgres", "run", ".s.PGSQL.5432")
        aside = way.with_name("aside")
        # Connected before there is no way any more.
        psql = subprocess.Popen(["psql", "-XAt", "-d", self.parts.environment["COUNTERSIGN_DATABASE"]],
                                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        psql.stdin.write("SELECT 1;\n")
        psql.stdin.flush()
        time.sleep(0.5)
        way.rename(aside)
        psql.stdin.write("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = "
                         "current_database() AND pid <> pg_backend_pid();\n")
        psql.stdin.close()
        psql.wait(20)
        try:
            yield
        finally:
            aside.rename(way)

    def test_AClickWaitsForTheDatabaseAsLongAsSlackWaits(self):
        self.start()
        request = self.api.open()
        card = self.workspace.card(request["id"])
        answers = []
        click = threading.Thread(target=lambda: answers.append(self.workspace.click_on("amy", card, "approve")))
        with self.without_a_way_to_the_database():
            click.start()
            time.sleep(1)
            self.assertEqual(answers, [], "the click still waits")
        click.join(20)
        self.assertTrue(answers[0]["acked"], answers)
        self.assertEqual([vote["person"] for vote in self.api.show(request["id"])["votes"]], ["amy"])
        self.assertEqual(self.workspace.ephemerals("amy"), [])

    def test_AClickInALongerOutageIsAnsweredInTime(self):
        self.start()
        request = self.api.open()
        card = self.workspace.card(request["id"])
        with self.without_a_way_to_the_database():
            begun = time.monotonic()
            self.assertTrue(self.workspace.click_on("amy", card, "approve")["acked"])
            self.assertLess(time.monotonic() - begun, 3)
            self.assertGreater(time.monotonic() - begun, 1.5)
            self.workspace.told("amy", "NOT recorded")
        self.parts.wait_ready()
        self.assertEqual(self.api.show(request["id"])["votes"], [])


class Frozen(FaultsTest):
    def test_AServerWhoseDatabaseDoesNotAnswerSaysSoAndStopsInTime(self):
        self.start()
        self.api.open()
        backends = [int(pid) for pid in self.parts.sql(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").split()]
        postmaster = int(pathlib.Path(self.folder.path, "postgres", "data", "postmaster.pid").read_text().split()[0])
        frozen = [postmaster, *backends]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            self.unready("database")
            begun = time.monotonic()
            self.parts.server.signal(signal.SIGTERM)
            self.assertEqual(self.parts.server.wait(20), 0, self.parts.server.text()[-2000:])
            self.assertLess(time.monotonic() - begun, 10)
        finally:
            for pid in frozen:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


class LostRequests(FaultsTest):
    def test_ACardWhoseRequestIsGoneIsClosedByAClick(self):
        self.start()
        lost, kept = self.api.open(), self.api.open("deploy.web")
        card = self.workspace.card(lost["id"])
        self.workspace.card(kept["id"])
        self.parts.server.kill()
        number = lost["number"]
        # As a standby has it that was promoted before it had heard of the request.
        done = self.psql("SET session_replication_role = replica", *(
            f"DELETE FROM {table} WHERE {column} = (SELECT request_id FROM request_number WHERE number = {number})"
            for table, column in (("card", "request_id"), ("outbox", "request_id"), ("entry", "request_id"),
                                  ("request_state", "request_id"), ("request", "id"))),
            f"DELETE FROM request_number WHERE number = {number}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.parts.start_server()
        self.workspace.click_on("amy", card, "approve")
        self.workspace.told("amy", "not known here")
        def shown():
            return next(m for m in self.workspace.messages() if m["ts"] == card["ts"])
        wait_until("the card without buttons", lambda: "not known any more" in json.dumps(shown()["blocks"]))
        self.assertNotIn('"actions"', json.dumps(shown()["blocks"]))
        self.assertIn("actions", json.dumps(self.workspace.card(kept["id"])["blocks"]), "the others stay")


class Promises(FaultsTest):
    def test_SeveralHostsWithoutAStandbyThatIsWaitedForAreWarnedOf(self):
        self.parts.start_postgres()
        self.parts.start_sandbox()
        self.parts.migrate()
        alone = self.parts.environment["COUNTERSIGN_DATABASE"]
        run = alone.split("'")[1]
        self.parts.environment["COUNTERSIGN_DATABASE"] = alone.replace(f"'{run}'", f"'{run},{run}'")
        self.parts.start_server()
        api = Api(self.parts.url, "")
        wait_until("the warning", lambda: "synchronous_standby_names" in api.ready().body, 15)
        self.assertEqual(api.ready().status, 200)
        self.parts.server.line("may be missing after a failover: .*synchronous_standby_names")
        self.parts.server.stop()
        self.parts.environment["COUNTERSIGN_DATABASE"] = alone
        self.parts.start_server()
        time.sleep(2)
        self.assertNotIn("synchronous", api.ready().body + self.parts.server.text())


class ALoopThatHangs(FaultsTest):
    def frozen(self, pid):
        freezer = subprocess.Popen([sys.executable, "-c", FREEZE, str(pid)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(freezer.stdout.close)
        self.addCleanup(freezer.kill)
        if freezer.stdout.readline().strip() != "frozen":
            self.skipTest("only who may trace a process can stop one of its threads")
        return freezer

    def test_EndsTheProcess(self):
        self.parts.environment["COUNTERSIGN_WATCHDOG"] = "2s"
        self.start()
        freezer = self.frozen(self.parts.server.child.pid)
        begun = time.monotonic()
        self.parts.server.line("the loop has not turned for 2000 ms")
        self.assertLess(time.monotonic() - begun, 8)
        # Whoever traces a process hears of its end before its parent does.
        freezer.kill()
        self.assertEqual(self.parts.server.wait(15), -signal.SIGABRT)

    def test_AProcessThatWasStoppedAsAWholeGoesOnAndSaysSo(self):
        self.parts.environment["COUNTERSIGN_WATCHDOG"] = "2s"
        self.start()
        self.parts.server.signal(signal.SIGSTOP)
        time.sleep(4)
        self.parts.server.signal(signal.SIGCONT)
        self.parts.server.line(r"this process was stopped for \d+ ms")
        self.parts.wait_ready()
        self.assertEqual(self.api.open()["state"], "pending")

    def test_TheServiceManagerHearsHowItIs(self):
        address = os.path.join(self.folder.path, "notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(address)
        heard = []
        def listen():
            with contextlib.suppress(OSError):
                while True:
                    heard.append(manager.recv(4096).decode())
        threading.Thread(target=listen, daemon=True).start()
        self.parts.environment.update({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000", "COUNTERSIGN_WATCHDOG": "off"})
        self.start()
        self.assertEqual(heard[0], "READY=1")
        wait_until("signs of life", lambda: heard.count("WATCHDOG=1") >= 3, 10)
        freezer = self.frozen(self.parts.server.child.pid)
        time.sleep(1)
        before = heard.count("WATCHDOG=1")
        time.sleep(3)
        self.assertEqual(heard.count("WATCHDOG=1"), before, "nobody says that a loop turns which does not")
        freezer.kill()
        wait_until("signs of life again", lambda: heard.count("WATCHDOG=1") > before, 10)
        self.assertEqual(self.parts.server.stop(), 0)
        self.assertEqual(heard[-1], "STOPPING=1")


class AReplicaThatDies(FaultsTest):
    def test_ItsWebhooksAreSentByAnotherOneWithinSecondsAndNotWhenItsLeasesRunOut(self):
        self.parts.environment["COUNTERSIGN_WEBHOOKS_ALLOW_PRIVATE_NETWORKS"] = "true"
        self.start()
        hanging = socket.socket()
        self.addCleanup(hanging.close)
        hanging.bind(("127.0.0.1", 0))
        hanging.listen(16)
        port = hanging.getsockname()[1]
        subscriber = Api(self.parts.url, self.parts.make_token("--scope", "subscribe"))
        ordered = subscriber.call("POST", "/v1/subscriptions", {"url": f"http://127.0.0.1:{port}/hook",
                                                               "events": ["request.created"]})
        self.assertEqual(ordered.status, 201, ordered.body)
        self.api.open()
        held, _ = hanging.accept()  # the first replica waits for an answer
        first, self.parts.port = self.parts.server, 0
        self.parts.start_server()
        first.kill()
        begun = time.monotonic()
        hanging.settimeout(30)
        again, _ = hanging.accept()
        took = time.monotonic() - begun
        self.assertIn(b"request.created", again.recv(65536))
        self.assertLess(took, 12, "a lease lasts a minute")
        for connection in (held, again):
            connection.close()


if __name__ == "__main__":
    unittest.main()
