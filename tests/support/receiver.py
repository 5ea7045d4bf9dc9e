"""An endpoint of a subscriber: keeps what it is sent, answers as it is told, and verifies signatures."""
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

from process import wait_until


class Got:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body
        self.event = json.loads(body)
        self.id = headers["webhook-id"]
        self.type = self.event["type"].removeprefix("countersign.")
        self.at = time.monotonic()

    def verifies(self, secret):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return expected in self.headers["webhook-signature"].split(" ")


class Receiver:
    # Sees every delivery: openapi.Document.check_delivery in the system tests.
    witness = None

    def __init__(self):
        self.got, self.wrong, self.lock = [], [], threading.Lock()
        self.status, self.fields, self.text = 204, {}, b""
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.look_at(self.headers, body)
                with receiver.lock:
                    receiver.got.append(Got(self.path, dict(self.headers.items()), body))
                    status, fields, text = receiver.status, receiver.fields, receiver.text
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if status != 204:
                    self.wfile.write(text)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                pass  # a sender that was killed

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def look_at(self, headers, body):
        try:
            if Receiver.witness:
                Receiver.witness(headers, json.loads(body))
        except AssertionError as finding:
            self.wrong.append(str(finding))

    def all(self):
        with self.lock:
            return list(self.got)

    def answer(self, status, fields=None, text=b""):
        with self.lock:
            self.status, self.fields, self.text = status, fields or {}, text

    def gets(self, what, condition, seconds=15.0):
        def look():
            return next((one for one in self.all() if condition(one)), None)
        return wait_until(f"{what}; got {[(g.type, g.id) for g in self.all()][-8:]}", look, seconds)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        assert not self.wrong, self.wrong[0]
