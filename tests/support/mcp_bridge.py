#!/usr/bin/env python3
"""A server of the Model Context Protocol on stdio, reached over HTTP, for clients that know nothing else: each session has a
process of its own, and what is modern shares one. Usage: mcp_bridge.py COMMAND ARGUMENT…; prints its URL."""
import http.server
import json
import queue
import subprocess
import sys
import threading
import uuid

COMMAND = sys.argv[1:]
MODERN = "io.modelcontextprotocol/protocolVersion"


class Session:
    def __init__(self):
        self.child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.waiting, self.lock = {}, threading.Lock()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            message = json.loads(line)
            if "method" not in message and (waits := self.waiting.get(json.dumps(message.get("id")))):
                waits.put(message)

    def send(self, message):
        with self.lock:
            self.child.stdin.write(json.dumps(message) + "\n")
            self.child.stdin.flush()

    def ask(self, message):
        waits = self.waiting[json.dumps(message["id"])] = queue.Queue()
        self.send(message)
        return waits.get(timeout=60)


SESSIONS = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text=b"", **fields):
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", **fields, "Content_Length": str(len(text))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # a client that has gone

    def do_GET(self):
        self.answer(405)

    def do_DELETE(self):
        self.answer(200 if SESSIONS.pop(self.headers.get("Mcp-Session-Id"), None) else 404)

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, fields = self.headers.get("Mcp-Session-Id"), {}
        if MODERN in (message.get("params") or {}).get("_meta", {}):
            name = "modern"
            SESSIONS.setdefault(name, None)
        elif message.get("method") == "initialize":
            name = str(uuid.uuid4())
            fields = {"Mcp_Session_Id": name}
            SESSIONS[name] = None
        if name not in SESSIONS:
            self.answer(404 if name else 400)
            return
        session = SESSIONS[name] = SESSIONS[name] or Session()
        if "id" not in message or "method" not in message:
            session.send(message)
            self.answer(202)
            return
        said = session.ask(message)
        code = said.get("error", {}).get("code")
        status = {-32601: 404, -32022: 400}.get(code, 200) if name == "modern" else 200
        self.answer(status, json.dumps(said).encode(), **fields)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(f"http://127.0.0.1:{server.server_address[1]}/mcp", flush=True)
server.serve_forever()
