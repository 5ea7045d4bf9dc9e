"""A service of our own that answers `GET /oncalls` as PagerDuty does."""
import http.server
import json
import threading
import urllib.parse


class PagerDuty:
    """`GET /oncalls` as the service answers it."""

    def __init__(self):
        self.users, self.status, self.asked = ["PUAMY"], 200, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                outer.asked.append((url.path, urllib.parse.parse_qs(url.query), dict(self.headers)))
                body = json.dumps({"oncalls": [
                    {"user": {"id": user, "type": "user_reference"}, "escalation_policy": {"id": "PABC123"},
                     "schedule": None, "escalation_level": 1, "start": None, "end": None} for user in outer.users],
                    "limit": 100, "offset": 0, "more": False, "total": None}).encode()
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
