"""Events handed on to a SIEM: rsyslog over TLS, and a file, with outages between."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import unittest

from process import Parts, TempFolder, http, wait_until

RSYSLOG = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Rsyslog:
    """Debian's rsyslog as a receiver of syslog over TLS, in a folder of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder, "rsyslog")
        self.folder.mkdir()
        self.port = free_port()
        self.got = self.folder / "got"
        self.certificate = self.folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", str(self.folder / "key.pem"), "-out", str(self.certificate), "-days", "2", "-subj",
                        "/CN=siem", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                       check=True, capture_output=True)
        self.settings = self.folder / "rsyslog.conf"
        self.settings.write_text(f'''
global(workDirectory="{self.folder}" defaultNetstreamDriver="ossl" maxMessageSize="8k"
       defaultNetstreamDriverCAFile="{self.certificate}" defaultNetstreamDriverCertFile="{self.certificate}"
       defaultNetstreamDriverKeyFile="{self.folder}/key.pem")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imtcp" port="{self.port}" address="127.0.0.1")
template(name="parts" type="string" string="%pri% %hostname% %app-name% %msgid% %structured-data% %msg%\\n")
action(type="omfile" file="{self.got}" template="parts" asyncWriting="off" flushOnTXEnd="on")
''')
        self.child = None
        self.start()

    def start(self):
        self.child = subprocess.Popen([RSYSLOG, "-n", "-f", str(self.settings), "-i", str(self.folder / "pid")],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("rsyslog listening", self.listens)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, kill=False):
        if self.child:
            self.child.kill() if kill else self.child.terminate()
            self.child.wait(20)
            self.child = None

    def lines(self):
        if not self.got.exists():
            return []
        found = (re.fullmatch(r"(\S+) (\S+) (\S+) (\S+) (\[.*?\]) ?(\{.*\})", line)
                 for line in self.got.read_text().splitlines())
        return [match.groups() for match in found if match]


def index_of(line):
    return json.loads(line[5])["metadata"]["sequence"]


@unittest.skipUnless(os.path.exists(RSYSLOG), "rsyslog is not installed")
class StreamOutTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.rsyslog = Rsyslog(cls.folder.path)
        cls.addClassCleanup(cls.rsyslog.stop)
        cls.file = pathlib.Path(cls.folder.path, "events.jsonl")
        cls.rotated = cls.file.with_suffix(".1")
        cls.parts = Parts(cls.folder.path, environment={
            "COUNTERSIGN_STREAM_OUT_SYSLOG": f"tls://localhost:{cls.rsyslog.port}",
            "COUNTERSIGN_STREAM_OUT_FILE": str(cls.file),
            "SSL_CERT_FILE": str(cls.rsyslog.certificate)})
        cls.addClassCleanup(cls.parts.stop)
        cls.parts.start()

    def some_events(self, count):
        for _ in range(count):
            request = self.parts.api.open(intent="Zebra crossing")
            self.parts.api.call("POST", f"/v1/requests/{request['id']}/cancel", {})

    def events_in_files(self):
        """What both files have, but for the line that was cut short."""
        lines = [line for path in (self.rotated, self.file) if path.exists() for line in path.read_text().splitlines()]
        return [json.loads(line) for line in lines if line.endswith("}")]

    def size(self):
        return int(self.parts.sql("SELECT size FROM log_head"))

    def test_EveryEventArrivesInOrderAndAfterAnOutageFromWhereItWas(self):
        self.some_events(5)
        size = self.size()
        wait_until("the first events", lambda: {index_of(l) for l in self.rsyslog.lines()} >= set(range(size)), 30)
        first = self.rsyslog.lines()
        self.assertEqual([index_of(line) for line in first][:size], list(range(size)), "in order, from the first one")
        priority, host, app, kind, data, text = next(line for line in first if "request.created" in line[3])
        self.assertEqual((priority, app), ("109", "countersign"))
        self.assertEqual(data, f'[meta sequenceId="{index_of(first[0]) + 1 + [l[5] for l in first].index(text)}"]')
        event = json.loads(text)
        self.assertEqual((event["class_uid"], event["activity_id"], event["metadata"]["version"]), (3004, 1, "1.8.0"))
        self.assertEqual(event["entity"]["name"], "deploy.api")

        self.rsyslog.stop(kill=True)
        self.some_events(5)
        wait_until("the outage being told", lambda: "stream_out.syslog" in self.parts.api.ready().body, 30)
        numbers = http("GET", self.parts.url + "/metrics").body
        self.assertIn('countersign_part_ready{part="stream_out.syslog"} 0', numbers)
        self.assertIn('countersign_part_ready{part="stream_out.file"} 1', numbers)
        self.assertRegex(numbers, r'countersign_stream_out_behind_events{stream="syslog"} [1-9]')
        self.rsyslog.start()
        size = self.size()
        wait_until("what was missed", lambda: {index_of(l) for l in self.rsyslog.lines()} >= set(range(size)), 60)
        wait_until("the end of the outage", lambda: "stream_out.syslog" not in self.parts.api.ready().body, 30)

        self.parts.server.kill()
        self.parts.start_server()
        self.some_events(2)
        size = self.size()
        wait_until("events after a restart", lambda: {index_of(l) for l in self.rsyslog.lines()} >= set(range(size)), 90)

        def in_file():
            return [event["metadata"]["sequence"] for event in self.events_in_files()]
        wait_until("the file", lambda: set(in_file()) >= set(range(size)), 60)
        self.assertEqual(sorted(set(in_file())), list(range(size)))

    def test_ALongEventGoesWithoutItsDetailsRatherThanCutInTwo(self):
        request = self.parts.api.open(intent="\u00e9" * 4000)
        self.parts.api.call("POST", f"/v1/requests/{request['id']}/cancel", {})

        def arrived():
            return [json.loads(l[5]) for l in self.rsyslog.lines() if request["id"] in l[5] and l[3] == "request.created"]
        event = wait_until("the event", arrived, 60)[0]
        self.assertNotIn("comment", event)
        self.assertEqual(event["entity"]["uid"], request["id"])

        def in_file():
            return [e for e in self.events_in_files() if e["entity"]["uid"] == request["id"] and e["activity_id"] == 1]
        self.assertEqual(wait_until("the event in the file", in_file, 60)[0]["comment"], request["intent"])

    def test_AFileMayBeRotatedAndALineCutShortStandsAlone(self):
        self.some_events(1)
        wait_until("the file", self.file.exists)
        self.file.rename(self.rotated)
        self.file.write_text('{"half')
        self.some_events(1)
        wait_until("the fresh file", lambda: len(self.file.read_text().splitlines()) > 1)
        lines = self.file.read_text().splitlines()
        self.assertEqual(lines[0], '{"half')
        for line in lines[1:]:
            json.loads(line)
