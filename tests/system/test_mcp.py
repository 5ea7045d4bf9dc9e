"""`countersign mcp`: an agent asks by itself, in both eras of the protocol, and can never decide."""
import json
import queue
import signal
import subprocess
import threading

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
