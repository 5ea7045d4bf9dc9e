"""`countersign mcp`: an agent asks by itself, in both eras of the protocol, and can never decide."""
import http.client
import json
import os
import queue
import signal
import subprocess
import threading
import time

from process import binary
from test_gate_mcp import Gate, GateTest

MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
          "io.modelcontextprotocol/clientInfo": {"name": "codex-mcp-client", "version": "1"}}


class Tools(Gate):
    """A client of the tools; Gate's own helpers do the reading."""

    def __init__(self, test, *arguments, environment=None):
        self.journal = "/nonexistent"
        self.child = subprocess.Popen([binary(), "mcp", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, env=test.environment(**(environment or {})))
        self.lines, self.errors, self.seen = queue.Queue(), [], []
        for stream, take in ((self.child.stdout, self.lines.put), (self.child.stderr, self.errors.append)):
            threading.Thread(target=self._read, args=(stream, take), daemon=True).start()
        test.addCleanup(self.kill)

    def result(self, ident, seconds=20):
        result = self.answer(ident, seconds)["result"]
        value = result.get("structuredContent")
        if value is not None:
            assert json.loads(result["content"][0]["text"]) == value
        return result.get("isError", False), value if value is not None else result["content"][0]["text"]

    def ask(self, ident, of, **more):
        self.call(ident, "request_approval", {"action": "mcp.files.write", "summary": "because", "parameters": {"of": of}, **more})


class Mcp(GateTest):
    def test_ItsToolsAreOfferedWithoutAskingAndNoneOfThemVotes(self):
        for meta in (None, MODERN):
            tools = Tools(self)
            tools.send({"id": 1, "method": "tools/list", "params": {"_meta": meta} if meta else {}})
            result = tools.answer(1)["result"]
            self.assertEqual({tool["name"] for tool in result["tools"]},
                             {"request_approval", "get_approval", "withdraw_request", "report_outcome", "list_pending"})
            for tool in result["tools"]:
                self.assertEqual((tool["annotations"]["destructiveHint"], tool["annotations"]["openWorldHint"]), (False, False))
                self.assertEqual(tool["annotations"]["readOnlyHint"], tool["name"] in ("get_approval", "list_pending"))
                self.assertFalse(tool["inputSchema"]["additionalProperties"])
            self.assertEqual("resultType" in result and "ttlMs" in result, meta is not None)

    def test_BothErasOpenAsTheyShould(self):
        tools = Tools(self)
        for version, spoken in (("2025-11-25",) * 2, ("2025-06-18",) * 2, ("2099-01-01", "2025-11-25"), ("2026-07-28", "2025-11-25")):
            tools.send({"id": version, "method": "initialize", "params": {"protocolVersion": version, "capabilities": {},
                                                                          "clientInfo": {"name": "c", "version": "1"}}})
            self.assertEqual(tools.answer(version)["result"]["protocolVersion"], spoken)
        tools.send({"method": "notifications/initialized"})
        tools.send({"id": 0, "method": "ping"})
        self.assertEqual(tools.answer(0)["result"], {})
        tools.send({"id": "server-discover-probe-1", "method": "server/discover", "params": {"_meta": MODERN}})
        result = tools.answer("server-discover-probe-1")["result"]
        self.assertEqual((result["resultType"], result["supportedVersions"]), ("complete", ["2026-07-28"]))
        tools.send({"id": 2, "method": "tools/list",
                    "params": {"_meta": {**MODERN, "io.modelcontextprotocol/protocolVersion": "2027-01-01"}}})
        error = tools.answer(2)["error"]
        self.assertEqual((error["code"], error["data"]["requested"]), (-32022, "2027-01-01"))
        tools.send({"id": 3, "method": "resources/list"})
        self.assertEqual(tools.answer(3)["error"]["code"], -32601)
        tools.write("noise\n")
        self.assertEqual(tools.until(lambda m: "error" in m)["error"]["code"], -32700)

    def test_AnApprovalIsPickedUpByTheSameArgumentsAndReported(self):
        tools = Tools(self, "--on-behalf-of", "email:riley@example.com").start("codex-mcp-client")
        tools.ask(1, "mcp", wait_seconds=0)
        failed, first = tools.result(1)
        self.assertEqual((failed, first["status"]), (False, "pending"))
        request = self.asked(of="mcp")
        self.assertEqual((request["id"], request["intent"]), (first["id"], "because"))
        self.assertEqual(request["on_behalf_of"], ["email:riley@example.com"])
        tools.call(2, "list_pending")
        self.assertIn(first["id"], [each["id"] for each in tools.result(2)[1]["requests"]])
        tools.call(3, "get_approval", {"id": first["id"], "wait_seconds": 20}, _meta={"progressToken": "p"})
        self.workspace.approve("amy", first["id"])
        self.assertEqual(tools.result(3)[1]["status"], "approved")
        tools.ask(4, "mcp")
        got = tools.result(4)[1]
        self.assertEqual((got["status"], got["id"]), ("approved", first["id"]))
        self.assertEqual(self.api.show(first["id"])["state"], "claimed")
        tools.call(5, "report_outcome", {"id": str(request["number"]), "status": "succeeded", "detail": "done"})
        self.assertEqual(tools.result(5)[1]["status"], "succeeded")
        tools.ask(6, "mcp", wait_seconds=0)
        again = tools.result(6)[1]
        self.assertEqual(again["status"], "pending")
        self.assertNotEqual(again["id"], first["id"])
        tools.call(7, "withdraw_request", {"id": again["id"]})
        self.assertEqual(tools.result(7)[1]["status"], "cancelled")

    def test_ACancelledCallIsWithdrawnAndAClientThatGoesLeavesItsRequestOpen(self):
        tools = Tools(self).start()
        tools.ask(1, "cancelled", wait_seconds=20)
        request = self.asked(of="cancelled")
        tools.send({"method": "notifications/cancelled", "params": {"requestId": 1}})
        self.api.reaches(request["id"], "cancelled")
        tools.ask(2, "left", wait_seconds=20)
        request = self.asked(of="left")
        tools.child.stdin.close()
        self.assertEqual(tools.child.wait(15), 0)
        self.assertEqual(self.api.show(request["id"])["state"], "pending")

    def test_WrongArgumentsAndOtherTroubleAreToldInWords(self):
        tools = Tools(self).start()
        wrong = {"no action": ("request_approval", {"summary": "x"}), "a number": ("request_approval", {"action": 7, "summary": "x"}),
                 "unknown": ("get_approval", {"id": "9", "vote": "approve"}), "bad id": ("get_approval", {"id": "nine"}),
                 "no such": ("get_approval", {"id": "999999"}), "bad status": ("report_outcome", {"id": "1", "status": "fine"}),
                 "bad action": ("request_approval", {"action": "Drop it", "summary": "x"})}
        for n, (name, (tool, arguments)) in enumerate(wrong.items()):
            with self.subTest(name=name):
                tools.call(n, tool, arguments)
                failed, text = tools.result(n)
                self.assertTrue(failed, text)
        for tool in ("vote", "approve", ""):
            tools.call("v" + tool, tool)
            self.assertEqual(tools.answer("v" + tool)["error"]["code"], -32602)
        down = Tools(self, environment={"COUNTERSIGN_URL": "http://127.0.0.1:9"}).start()
        down.ask(1, "down", wait_seconds=1)
        self.assertIn("cannot reach", down.result(1, 30)[1])
        down.child.send_signal(signal.SIGTERM)
        self.assertEqual(down.child.wait(10), 143)


class OverHttp(GateTest):
    """`countersign mcp --listen`: the same tools over streamable HTTP."""
    JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}

    def serve(self, *arguments, listen="127.0.0.1:0"):
        child = subprocess.Popen([binary(), "mcp", "--listen", listen, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True, env=self.environment())
        self.addCleanup(lambda: (child.kill(), child.wait(10), child.stdout.close(), child.stderr.close()))
        self.child, line = child, child.stdout.readline()
        if not line:
            return child.wait(10), child.stderr.read()
        self.port = int(line.rsplit(":", 1)[1].split("/")[0])
        return line.strip()

    def send(self, method, body=None, path="/mcp", token=None, **fields):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.addCleanup(connection.close)
        given = {**self.JSON, "Authorization": f"Bearer {self.api.token if token is None else token}",
                 **{name.replace("_", "-"): value for name, value in fields.items()}}
        text = body if isinstance(body, (bytes, str)) or body is None else json.dumps({"jsonrpc": "2.0", **body})
        connection.request(method, path, text, {name: value for name, value in given.items() if value})
        return connection, connection.getresponse()

    def post(self, body, **more):
        _, reply = self.send("POST", body, **more)
        text = reply.read().decode()
        if reply.headers.get("Content-Type") == "text/event-stream":
            lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
            return reply.status, reply.headers, json.loads(lines[-1])
        return reply.status, reply.headers, json.loads(text) if text else None

    def session(self, **more):
        status, fields, answer = self.post({"id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}}, **more)
        self.assertEqual((status, answer["result"]["protocolVersion"]), (200, "2025-11-25"))
        return {"Mcp_Session_Id": fields["Mcp-Session-Id"], "MCP_Protocol_Version": "2025-11-25"}

    def modern(self, ident, method, params=None, **more):
        fields = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": method}
        if (params or {}).get("name"):
            fields["Mcp_Name"] = params["name"]
        return self.post({"id": ident, "method": method, "params": {**(params or {}), "_meta": MODERN}}, **{**fields, **more})

    def ask(self, of, **more):
        return {"name": "request_approval", "arguments": {"action": "mcp.files.write", "summary": "because",
                                                          "parameters": {"of": of}, **more}}

    def test_ALegacySessionAsksWaitsAndPicksUp(self):
        self.serve()
        session = self.session()
        self.assertEqual(self.post({"method": "notifications/initialized"}, **session)[0], 202)
        self.assertEqual(len(self.post({"id": 0, "method": "tools/list"}, **session)[2]["result"]["tools"]), 5)
        answers = []
        waits = threading.Thread(target=lambda: answers.append(self.post(
            {"id": 2, "method": "tools/call", "params": self.ask("http", wait_seconds=20)}, **session)))
        waits.start()
        request = self.asked(of="http")
        self.workspace.approve("amy", request["id"])
        waits.join(30)
        self.assertEqual(answers[0][2]["result"]["structuredContent"]["status"], "approved")
        self.assertEqual(self.api.show(request["id"])["state"], "claimed")
        # Another session's equal call is another one, and ids of two sessions are not the same.
        other = self.session()
        answer = self.post({"id": 2, "method": "tools/call", "params": self.ask("http", wait_seconds=0)}, **other)[2]
        self.assertNotEqual(answer["result"]["structuredContent"]["id"], request["id"])
        self.assertEqual(self.send("DELETE", **session)[1].status, 204)
        self.assertEqual(self.send("DELETE", **session)[1].status, 404)
        self.assertEqual(self.post({"id": 3, "method": "ping"}, **session)[0], 404)
        self.assertEqual(self.post({"id": 3, "method": "ping"}, **other)[0], 200)

    def test_AModernClientHasNoSessionAndHangingUpTakesItsCallBack(self):
        self.serve()
        status, _, answer = self.modern("p", "server/discover")
        self.assertEqual((status, answer["result"]["supportedVersions"]), (200, ["2026-07-28"]))
        connection, reply = self.send("POST", {"id": 1, "method": "tools/call", "params": {**self.ask("gone", wait_seconds=20), "_meta": MODERN}},
                                      MCP_Protocol_Version="2026-07-28", Mcp_Method="tools/call", Mcp_Name="request_approval")
        self.assertEqual((reply.status, reply.headers["Content-Type"]), (200, "text/event-stream"))
        request = self.asked(of="gone")
        reply.close()
        connection.close()
        self.api.reaches(request["id"], "cancelled")
        status, _, answer = self.modern(2, "tools/call", self.ask("stays", wait_seconds=0))
        self.assertEqual(answer["result"]["structuredContent"]["status"], "pending")
        first = answer["result"]["structuredContent"]["id"]
        self.assertEqual(self.modern(3, "tools/call", self.ask("stays", wait_seconds=0))[2]["result"]["structuredContent"]["id"], first)

    def test_FieldsAndBodyOfAModernMessageAgree(self):
        self.serve()
        call = self.ask("fields", wait_seconds=0)
        for more in ({"Mcp_Method": "tools/list"}, {"Mcp_Method": None}, {"Mcp_Name": "get_approval"}, {"Mcp_Name": None},
                     {"MCP_Protocol_Version": "2025-11-25"}, {"MCP_Protocol_Version": None}):
            with self.subTest(more=more):
                status, _, answer = self.modern(1, "tools/call", call, **more)
                self.assertEqual((status, answer["error"]["code"]), (400, -32020))
        name = "=?base64?cmVxdWVzdF9hcHByb3ZhbA==?="
        self.assertEqual(self.modern(2, "tools/call", call, Mcp_Name=name)[0], 200)
        for method in ("resources/list", "ping", "initialize"):
            self.assertEqual(self.modern(3, method)[0], 404)
        status, _, answer = self.post({"id": 4, "method": "tools/list"}, MCP_Protocol_Version="2026-07-28", Mcp_Method="tools/list")
        self.assertEqual((status, answer["id"], answer["error"]["code"]), (400, 4, -32602))

    def test_WhoMayAskAtAll(self):
        self.serve("--allow-origin", "https://desk.example")
        ping = {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}
        for status, more in ((401, {"token": "cst_wrong"}), (401, {"token": "", "Authorization": None}), (403, {"Origin": "https://evil.example"}),
                             (403, {"Origin": "null"}), (403, {"Host": "evil.example"}), (404, {"path": "/"}), (200, {"Origin": "http://localhost:3000"}),
                             (200, {"Origin": "https://desk.example"}), (200, {"Host": f"localhost:{self.port}"}), (406, {"Accept": "application/json"}),
                             (415, {"Content_Type": "text/plain"})):
            with self.subTest(more=more):
                code, fields, _ = self.post(ping, **more)
                self.assertEqual(code, status)
                self.assertEqual(fields.get("WWW-Authenticate"), "Bearer" if status == 401 else None)
        self.assertEqual(self.send("GET")[1].status, 405)
        self.assertEqual(self.send("PUT", b"{}")[1].status, 405)

    def test_BadMessagesAreRefusedInWords(self):
        self.serve()
        session = self.session()
        for body in (b"", b"{", b"[]", b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
                     b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', b'{"jsonrpc":"2.0","id":1,"method":"p\xff"}', b"{}"):
            with self.subTest(body=body):
                status, _, answer = self.post(body, **session)
                self.assertEqual(status, 400)
                self.assertTrue(answer["error"]["message"])
        self.assertEqual(self.post({"id": 1, "method": "ping"})[0], 400)  # no session
        self.assertEqual(self.post({"id": 1, "method": "ping"}, Mcp_Session_Id="x" * 32)[0], 404)
        self.assertEqual(self.post({"id": 1, "method": "ping"}, **{**session, "MCP_Protocol_Version": "1999-01-01"})[0], 400)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.addCleanup(connection.close)
        connection.putrequest("POST", "/mcp")
        for name, value in {**self.JSON, "Authorization": f"Bearer {self.api.token}", "Content-Length": str(9 << 20)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 413)
        self.assertEqual(self.post({"id": 1, "method": "ping"}, **session)[0], 200)

    def test_OnlyThisMachineIsListenedForUnlessThatIsSaid(self):
        code, error = self.serve(listen="0.0.0.0:0")
        self.assertEqual(code, 2)
        self.assertIn("--unsafe-listen", error)
        code, error = self.serve("--no-bearer", "--unsafe-listen", listen="0.0.0.0:0")
        self.assertEqual(code, 2)
        self.assertIn("--no-bearer", error)
        self.assertIn("0.0.0.0", self.serve("--unsafe-listen", listen="0.0.0.0:0"))
        self.session(Host="mcp.example.com")
        token = os.path.join(self.folder.path, "bearer")
        with open(token, "w") as file:
            file.write("another-token\n")
        self.serve("--bearer-file", token)
        self.assertEqual(self.post({"id": 1, "method": "ping"})[0], 401)
        self.session(token="another-token")
        self.serve("--no-bearer")
        self.session(token="")

    def test_ASignalEndsItWhileACallWaits(self):
        self.serve()
        session = self.session()
        _, reply = self.send("POST", {"id": 2, "method": "tools/call", "params": self.ask("ends", wait_seconds=20)}, **session)
        request = self.asked(of="ends")
        begun = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        self.assertEqual(self.child.wait(10), 143)
        self.assertLess(time.monotonic() - begun, 8)
        self.assertEqual(self.api.show(request["id"])["state"], "pending")
        reply.close()
