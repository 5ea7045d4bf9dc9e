"""`countersign gate mcp` between a client and a server: calls wait for permission, all else passes as it came."""
import http.server
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
import unittest

from process import ROOT, Client, Dev, TempFolder, binary, wait_until

SERVER = str(ROOT / "tests" / "support" / "mcp_server.py")
POLICY = """
version: 1
people:
  amy: { email: amy@example.com, slack: U0AMY }
  riley: { email: riley@example.com, slack: U0RILEY }
groups: { reviewers: { people: [amy] } }
default: allow
accept: { weak_default: these tests are about what is asked }
rules:
  - { name: writing, when: { action: [mcp.files.write, "mcp-tools.*"] }, require: { count: 1, of: reviewers } }
  - { name: never, when: { action: mcp.files.fail, parameters.never: true }, refuse: that is never done }
"""


class Gate:
    """A client on the gate's stdin and stdout."""

    def __init__(self, test, *arguments, command=None, environment=None):
        self.journal = os.path.join(test.home.path, "journal")
        command = ["--", *(command or [sys.executable, SERVER, self.journal])] if command is not False else []
        self.child = subprocess.Popen([binary(), "gate", "mcp", "--name", "files", *arguments, *command],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env=test.environment(**(environment or {})))
        self.lines, self.errors = queue.Queue(), []
        for stream, take in ((self.child.stdout, self.lines.put), (self.child.stderr, self.errors.append)):
            threading.Thread(target=self._read, args=(stream, take), daemon=True).start()
        self.seen = []
        test.addCleanup(self.kill)

    def _read(self, stream, take):
        for line in stream:
            take(line)
        stream.close()

    def write(self, line):
        self.child.stdin.write(line if isinstance(line, bytes) else line.encode())
        self.child.stdin.flush()

    def send(self, message):
        self.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")

    def call(self, ident, tool, arguments=None, **params):
        self.send({"id": ident, "method": "tools/call", "params": {"name": tool, "arguments": arguments or {}, **params}})

    def until(self, wanted, seconds=20):
        """The first message that fits; those before it are kept in `seen`."""
        until = time.monotonic() + seconds
        while True:
            try:
                message = json.loads(self.lines.get(timeout=max(0.01, until - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"nothing that fits came: {self.seen[-5:]} {self.errors[-5:]}") from None
            if wanted(message):
                return message
            self.seen.append(message)

    def answer(self, ident, seconds=20):
        return self.until(lambda m: "method" not in m and type(m.get("id")) is type(ident) and m.get("id") == ident, seconds)

    def text(self, ident, seconds=20):
        result = self.answer(ident, seconds)["result"]
        return result.get("isError", False), result["content"][0]["text"]

    def start(self, name="claude-code"):
        self.send({"id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {},
                                                               "clientInfo": {"name": name, "version": "1"}}})
        self.answer(0)
        self.send({"method": "notifications/initialized"})
        return self

    def heard(self):
        return pathlib.Path(self.journal).read_text() if os.path.exists(self.journal) else ""

    def calls(self):
        return [json.loads(line) for line in self.heard().splitlines() if '"tools/call"' in line]

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait(10)
        try:
            self.child.stdin.close()
        except OSError:
            pass


class GateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.dev = Dev(os.path.join(cls.folder.path, "home"), cls.folder.write("policy.yaml", POLICY))
        cls.addClassCleanup(cls.dev.stop)
        cls.api, cls.workspace = cls.dev.api, cls.dev.workspace
        cls.way = Client.way(cls.api.url)
        cls.workspace.control("limits", {"limits": "off"})

    def setUp(self):
        self.home = TempFolder()
        self.addCleanup(self.home.remove)

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERSIGN_")}
        return {**clean, "COUNTERSIGN_URL": self.way, "COUNTERSIGN_TOKEN": self.api.token,
                "COUNTERSIGN_HOME": self.home.path, **more}

    def listed(self, state, action="mcp.files.write"):
        return self.api.call("GET", f"/v1/requests?state={state}&action={action}&limit=200").json["requests"]

    def asked(self, **parameters):
        """The pending request with these parameters."""
        def look():
            return [r for r in self.listed("pending") if r["parameters"] == parameters]
        return wait_until("a request", look)[0]


class Calls(GateTest):
    def test_WhatPolicyAllowsPassesAsItCameAndItsOutcomeIsTold(self):
        gate = Gate(self).start()
        line = '{"id": "a\\u0062c",  "jsonrpc":"2.0","method":"tools/call","params":{"arguments":{"z":1,"a":[1.50]},"name":"echo"}}\n'
        gate.write(line)
        self.assertEqual(json.loads(gate.text("abc")[1]), {"z": 1, "a": [1.5]})
        self.assertIn(line, gate.heard())
        [request] = wait_until("an outcome", lambda: [each for each in self.listed("succeeded", "mcp.files.echo")
                                                      if each["parameters"] == {"a": [1.5], "z": 1}])
        self.assertTrue(request["resource"].startswith("mcp:files/echo@"))
        self.assertEqual(request["labels"]["agent"], "claude-code")
        self.assertEqual(request["labels"]["read_only"], "true")
        gate.call(5, "fail")
        self.assertTrue(gate.text(5)[0])
        wait_until("a failure", lambda: self.listed("failed", "mcp.files.fail"))

    def test_AHeldCallWaitsAndOthersGoOn(self):
        gate = Gate(self).start()
        gate.call(0, "write", {"of": "held"}, _meta={"progressToken": 0})
        gate.call("0", "echo", {"n": 1})
        self.assertEqual(json.loads(gate.text("0")[1]), {"n": 1})
        request = self.asked(of="held")
        progress = gate.until(lambda m: m.get("method") == "notifications/progress")
        self.assertEqual(progress["params"]["progressToken"], 0)
        self.assertEqual(len(gate.calls()), 1)
        self.workspace.approve("amy", request["id"])
        self.assertEqual(json.loads(gate.text(0)[1]), {"of": "held"})
        self.api.reaches(request["id"], "succeeded")

    def test_ADenialAndARefusalSayWhyAndNothingRuns(self):
        gate = Gate(self).start()
        gate.call(1, "write", {"of": "denial"})
        request = self.asked(of="denial")
        self.workspace.with_reason("amy", request["id"], "deny", "not today")
        failed, text = gate.text(1)
        self.assertTrue(failed)
        self.assertIn("denied by amy: not today. Do not retry", text)
        gate.call(2, "fail", {"never": True})
        self.assertIn("refused by policy: that is never done", gate.text(2)[1])
        self.assertEqual(gate.calls(), [])

    def test_AParkedCallIsPickedUpByItsRepetition(self):
        gate = Gate(self, "--hold", "1s").start()
        gate.call(1, "write", {"of": "parked"})
        self.assertIn("Repeat exactly the same call", gate.text(1)[1])
        request = self.asked(of="parked")
        self.workspace.approve("amy", request["id"])
        self.api.reaches(request["id"], "approved")
        gate.call(2, "write", {"of": "parked"})
        self.assertEqual(gate.text(2), (False, '{"of": "parked"}'))
        self.assertEqual([each["id"] for each in gate.calls()], [2])

    def test_ACancelledCallIsWithdrawnAndGetsNoAnswer(self):
        gate = Gate(self).start()
        gate.call(1, "write", {"of": "cancel"})
        request = self.asked(of="cancel")
        gate.send({"method": "notifications/cancelled", "params": {"requestId": 1}})
        self.api.reaches(request["id"], "cancelled")
        gate.call(2, "echo")
        gate.answer(2)
        self.assertEqual([m for m in gate.seen if m.get("id") == 1], [])
        self.assertEqual([each["id"] for each in gate.calls()], [2])

    def test_AClientThatGoesLeavesNothingPendingAndNothingRuns(self):
        for way in ("close", signal.SIGTERM):
            with self.subTest(way=way):
                gate = Gate(self).start()
                gate.call(1, "write", {"of": str(way)})
                request = self.asked(of=str(way))
                gate.child.stdin.close() if way == "close" else gate.child.send_signal(way)
                self.assertIn(gate.child.wait(15), (0, 128 + signal.SIGTERM))
                self.api.reaches(request["id"], "cancelled")
                self.assertEqual(gate.calls(), [])

    def test_TheServersOwnRequestsAndTheirAnswersPass(self):
        gate = Gate(self).start()
        gate.call(1, "ask")
        asked = gate.until(lambda m: m.get("method") == "sampling/createMessage")
        self.assertEqual((asked["id"], asked["params"]), (7, {"of": 1}))
        answer = '{"jsonrpc":"2.0","id":7,"result":{"role":"assistant"}}\n'
        gate.write(answer)
        gate.write(answer)  # nobody asked twice
        gate.call(2, "echo")
        gate.answer(2)
        self.assertEqual(gate.heard().count(answer), 1)
        self.assertTrue(any(b"did not ask" in line for line in gate.errors))

    def test_AModernClientIsAnsweredInItsWords(self):
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "copilot-cli", "version": "1"}}
        gate = Gate(self, "--hold", "1s")
        gate.call(1, "write", {"of": "modern"}, _meta=meta)
        result = gate.answer(1)["result"]
        self.assertEqual((result["resultType"], result["isError"]), ("complete", True))
        self.assertEqual(self.asked(of="modern")["labels"]["agent"], "copilot-cli")
        own = [json.loads(line) for line in gate.heard().splitlines() if "tools/list" in line]
        self.assertEqual(own[0]["params"]["_meta"], meta)


class Pins(GateTest):
    def test_AChangedDefinitionIsAskedAboutBeforeTheToolIsUsedAgain(self):
        gate = Gate(self).start()
        gate.call(1, "echo")
        gate.answer(1)
        gate.call(2, "change")
        gate.answer(2)
        for ident in (3, 4):
            gate.call(ident, "echo", {"n": ident})
            self.assertFalse(gate.text(ident)[0])
        gate.call(5, "write", {"of": "changed"})
        # It was never used, so what it is now is what is accepted.
        self.workspace.approve("amy", self.asked(of="changed")["id"])
        gate.answer(5)
        gate.call(6, "change", {"to": "something else"})
        gate.answer(6)
        gate.call(7, "write", {"of": "changed again"})
        [pin] = wait_until("a request about the definition", lambda: self.listed("pending", "mcp-tools.files"))
        self.assertEqual(pin["parameters"]["definition"]["description"], "something else")
        self.workspace.approve("amy", pin["id"])
        self.workspace.approve("amy", self.asked(of="changed again")["id"])
        self.assertEqual(gate.text(7), (False, '{"of": "changed again"}'))
        self.api.reaches(pin["id"], "succeeded")
        gate.child.stdin.close()
        gate.child.wait(15)
        # The next gate knows what was accepted, and the server is what it was at first.
        other = Gate(self).start()
        other.call(1, "write", {"of": "restart"})
        [pin] = wait_until("a request about the definition", lambda: self.listed("pending", "mcp-tools.files"))
        self.workspace.with_reason("amy", pin["id"], "deny", "what is this")
        self.assertIn("denied by amy: what is this", other.text(1)[1])
        other.call(2, "echo")
        self.assertFalse(other.text(2)[0])

    def test_AToolThatBecomesAnotherWhilePeopleDecideDoesNotRun(self):
        gate = Gate(self).start()
        gate.call(1, "write", {"of": "pulled rug"})
        request = self.asked(of="pulled rug")
        gate.call(2, "change", {"silently": True})
        gate.answer(2)
        time.sleep(5.5)
        self.workspace.approve("amy", request["id"])
        self.assertIn("changed what this tool is while people decided", gate.text(1)[1])
        self.assertEqual([each["id"] for each in gate.calls()], [2])

    def test_ADamagedFileOfPinsStopsTheGate(self):
        self.home.write("pins.json", "{")
        gate = Gate(self, "--pins", os.path.join(self.home.path, "pins.json"))
        self.assertEqual(gate.child.wait(10), 2)
        self.assertEqual(gate.heard(), "")


class BadInput(GateTest):
    def test_WhatCannotBeReadOneWayOnlyNeverReachesTheServer(self):
        gate = Gate(self).start()
        before = wait_until("the beginning", lambda: "initialized" in gate.heard() and gate.heard())
        call = '"method":"tools/call","params":{"name":"write","arguments":{}}'
        bad = {"batch": f'[{{"jsonrpc":"2.0","id":1,{call}}}]', "text": "hello", "half": '{"id":1', "null id": f'{{"id":null,{call}}}',
               "list id": f'{{"id":[],{call}}}', "fraction id": f'{{"id":1.5,{call}}}', "duplicate": f'{{"id":1,"method":"ping",{call}}}',
               "big number": '{"id":1,"method":"tools/call","params":{"name":"echo","arguments":{"n":12345678901234567890}}}',
               "no name": '{"id":1,"method":"tools/call","params":{}}', "no arguments": '{"id":1,"method":"tools/call","params":{"name":"echo","arguments":[]}}',
               "no method": '{"id":1}', "surrogate": '{"id":1,"method":"x","params":{"a":"\\ud800"}}'}
        for name, line in bad.items():
            with self.subTest(line=name):
                gate.write(line + "\n")
                self.assertIn("error", gate.until(lambda m: "error" in m))
        gate.write(b'{"id":1,"method":"\xff"}\n')
        self.assertIn("error", gate.until(lambda m: "error" in m))
        gate.write(b'{"id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":"' + b"x" * (9 << 20) + b'"}}}\n')
        self.assertIn("at most", gate.until(lambda m: "error" in m)["error"]["message"])
        gate.write('{"method":"tools/call","params":{"name":"echo","arguments":{}}}\n')
        self.assertEqual(gate.heard(), before)
        gate.write('{"id":9,"jsonrpc":"2.0",\r\n')
        gate.until(lambda m: "error" in m)
        for piece in ('\n\n{"id":10,"jso', 'nrpc":"2.0","method":"pi', 'ng"}\r\n{"id":11,"jsonrpc":"2.0","method":"ping"}\n'):
            gate.write(piece)
            time.sleep(0.05)
        self.assertEqual([gate.answer(10)["error"]["code"], gate.answer(11)["error"]["code"]], [-32601, -32601])

    def test_AnIdThatIsInUseIsRefused(self):
        gate = Gate(self).start()
        gate.call(1, "write", {"of": "twice"})
        request = self.asked(of="twice")
        gate.call(1, "echo")
        self.assertIn("under way", gate.until(lambda m: "error" in m)["error"]["message"])
        self.workspace.approve("amy", request["id"])
        self.assertFalse(gate.text(1)[0])
        self.assertEqual(len(gate.calls()), 1)

    def test_NoiseOfTheServerIsDroppedAndItsBigAnswersPass(self):
        gate = Gate(self).start()
        gate.call(1, "noise")
        gate.answer(1)
        gate.call(2, "huge")
        self.assertEqual(len(gate.text(2)[1]), 3_000_000)
        self.assertEqual(gate.seen, [])
        self.assertTrue(any(b"no message" in line for line in gate.errors), gate.errors)

    def test_AServerThatDiesEndsTheGateWithItsCodeAndSaysWhatIsUnknown(self):
        gate = Gate(self).start()
        gate.call(1, "write", {"of": "dying"})
        request = self.asked(of="dying")
        gate.call(2, "die")
        self.assertIn("not known", gate.answer(2)["error"]["message"])
        self.assertIn("NOT RUN", gate.text(1)[1] if not gate.seen else next(
            m["result"]["content"][0]["text"] for m in gate.seen if m.get("id") == 1))
        self.assertEqual(gate.child.wait(15), 3)
        self.api.reaches(request["id"], "cancelled")

    def test_AServerWithoutAListOfToolsRunsNone(self):
        mute = [sys.executable, "-c", "import sys\nfor line in sys.stdin: open(sys.argv[1], 'a').write(line)",
                os.path.join(self.home.path, "journal")]
        gate = Gate(self, command=mute)
        gate.call(1, "echo")
        self.assertIn("does not say which tools", gate.text(1, 30)[1])
        self.assertEqual(gate.calls(), [])

    def test_WithoutTheApprovalsServerNothingRuns(self):
        gate = Gate(self, "--hold", "2s", environment={"COUNTERSIGN_URL": "http://127.0.0.1:9"}).start()
        gate.call(1, "echo")
        self.assertIn("cannot reach", gate.text(1)[1])
        self.assertEqual(gate.calls(), [])

    def test_TheServerDiesWithTheGateAndHasNoneOfItsSecrets(self):
        gate = Gate(self).start()
        gate.send({"id": 1, "method": "environment"})
        environment = gate.answer(1)["result"]
        self.assertNotIn("COUNTERSIGN_TOKEN", environment)
        self.assertNotIn(self.api.token, json.dumps(environment))
        children = pathlib.Path(f"/proc/{gate.child.pid}/task/{gate.child.pid}/children").read_text().split()
        self.assertEqual(len(children), 1)
        gate.child.kill()
        gate.child.wait(10)
        wait_until("the server's end", lambda: not os.path.exists(f"/proc/{children[0]}") or
                   pathlib.Path(f"/proc/{children[0]}/stat").read_text().split()[2] == "Z")

    def test_SignalsWhileItEndsDoNotCutItsEndShort(self):
        stubborn = [sys.executable, "-c", "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"]
        gate = Gate(self, command=stubborn)
        time.sleep(0.5)
        children = pathlib.Path(f"/proc/{gate.child.pid}/task/{gate.child.pid}/children").read_text().split()
        gate.child.stdin.close()
        for _ in range(3):
            time.sleep(0.4)
            gate.child.send_signal(signal.SIGTERM)
        self.assertIn(gate.child.wait(15), (0, 128 + signal.SIGTERM, 128 + signal.SIGKILL), gate.errors)
        self.assertEqual(gate.errors, [])
        self.assertFalse(os.path.exists(f"/proc/{children[0]}"))

    def test_AServerThatCannotBeStartedSaysSo(self):
        gate = Gate(self, command=["/nonexistent/server"])
        self.assertEqual(gate.child.wait(10), 127)
        wait_until("the reason", lambda: any(b"cannot be started" in line for line in gate.errors))

    def test_AFloodOfHeldCallsHasALimit(self):
        gate = Gate(self, "--hold", "60s").start()
        for n in range(1010):
            gate.call(n + 1, "write", {"of": "flood", "n": n})
        refused = gate.until(lambda m: m.get("result", {}).get("isError"), 60)
        self.assertIn("too many calls", refused["result"]["content"][0]["text"])
        self.assertGreater(refused["id"], 1000)


class HttpServer:
    """A server over streamable HTTP that writes down what it hears."""

    def __init__(self):
        self.heard, self.fields, self.fault = [], [], None
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, text=b"", **fields):
                self.send_response(status)
                for name, value in {"Content_Type": "application/json", **fields, "Content_Length": str(len(text))}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(text)

            def do_DELETE(self):
                server.heard.append({"method": "DELETE"})
                self.answer(200)

            def do_POST(self):
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.heard.append(message)
                server.fields.append({name.lower(): value for name, value in self.headers.items()})
                if "id" not in message:
                    self.answer(202)
                    return
                if server.fault:
                    self.answer(*server.fault)
                    return
                result = {"initialize": {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "h", "version": "0"}},
                          "tools/list": {"tools": [{"name": "echo", "inputSchema": {"type": "object"}},
                                                   {"name": "write", "inputSchema": {"type": "object"}}]},
                          "tools/call": {"content": [{"type": "text", "text": "done"}]}}[message["method"]]
                answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
                if message["method"] == "initialize":
                    self.answer(200, json.dumps(answer, indent=1).encode(), Mcp_Session_Id="s-1")
                elif message["method"] == "tools/call":
                    note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
                    text = f": hello\r\n\r\nevent: message\r\ndata: {json.dumps(note)}\r\n\r\nid: 4\ndata: {json.dumps(answer)}\n\n"
                    self.answer(200, text.encode(), Content_Type="text/event-stream; charset=utf-8")
                else:
                    self.answer(200, json.dumps(answer).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/mcp"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def calls(self):
        return [message for message in self.heard if message["method"] == "tools/call"]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class OverHttp(GateTest):
    def setUp(self):
        super().setUp()
        self.server = HttpServer()
        self.addCleanup(self.server.stop)

    def gate(self, *arguments):
        return Gate(self, "--url", self.server.url, *arguments, command=False)

    def test_CallsWaitAndSessionsAndStreamsAreTheServers(self):
        gate = self.gate("--url-token-file", self.home.write("upstream", "secret-of-the-server\n")).start()
        gate.call(1, "echo", {"a": 1})
        self.assertEqual(gate.text(1), (False, "done"))
        self.assertEqual([m["method"] for m in gate.seen], ["notifications/message"])
        fields = self.server.fields[-1]
        self.assertEqual((fields["mcp-session-id"], fields["mcp-protocol-version"], fields["authorization"]),
                         ("s-1", "2025-06-18", "Bearer secret-of-the-server"))
        gate.call(2, "write", {"of": "http"})
        request = self.asked(of="http")
        self.assertEqual([m["id"] for m in self.server.calls()], [1])
        self.workspace.with_reason("amy", request["id"], "deny", "no")
        self.assertIn("denied by amy", gate.text(2)[1])
        gate.call(3, "write", {"of": "http again"})
        self.workspace.approve("amy", self.asked(of="http again")["id"])
        self.assertEqual(gate.text(3), (False, "done"))
        self.assertEqual([m["id"] for m in self.server.calls()], [1, 3])
        gate.child.stdin.close()
        self.assertEqual(gate.child.wait(15), 0)
        self.assertIn({"method": "DELETE"}, self.server.heard)

    def test_AModernCallSaysWhatItIsInItsFields(self):
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
        gate = self.gate()
        gate.call(1, "echo", {}, _meta=meta)
        gate.answer(1)
        fields = self.server.fields[-1]
        self.assertEqual((fields["mcp-method"], fields["mcp-name"], fields["mcp-protocol-version"]), ("tools/call", "echo", "2026-07-28"))
        self.assertNotIn("mcp-session-id", fields)

    def test_WhatTheServerDoesNotAnswerIsAnErrorThatSaysWhetherItMayHaveRun(self):
        gate = self.gate().start()
        gate.call(1, "echo")
        gate.answer(1)
        for fault in ((404,), (500, b"oops"), (200, b"not json"), (200, b'{"jsonrpc":"2.0","id":99,"result":{}}'), (302,)):
            with self.subTest(fault=fault):
                self.server.fault = fault
                gate.call(2, "echo", {"n": str(fault)})
                self.assertIn("not known", gate.answer(2)["error"]["message"])
        gone = Gate(self, "--url", "http://127.0.0.1:9/mcp", command=False)
        gone.send({"id": 1, "method": "initialize", "params": {}})
        self.assertIn("cannot be reached", gone.answer(1)["error"]["message"])
        gone.call(2, "echo")
        self.assertIn("does not say which tools", gone.text(2)[1])

    def test_AnUrlAndACommandAreTwoWaysAndOnlyOneIsTaken(self):
        for arguments in (["--url", "gopher://x"], ["--url", self.server.url, "--", "true"], []):
            done = subprocess.run([binary(), "gate", "mcp", *arguments], capture_output=True, text=True, env=self.environment(),
                                  stdin=subprocess.DEVNULL, timeout=20)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn("--url", done.stderr)
