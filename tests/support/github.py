"""The endpoint that GitHub gives a job whose permissions say `id-token: write`, in front of an issuer of our own."""
import http.server
import json
import threading
import urllib.parse

JOB = {"sub": "repo:octo-org/shop:environment:production", "repository": "octo-org/shop", "repository_owner_id": "7",
       "event_name": "push", "actor": "riley-dev", "run_id": "555", "run_attempt": "1"}


def issuers(issuer, audience):
    """What the server is configured with to let those jobs in."""
    return {"SSL_CERT_FILE": issuer.authority, "COUNTERSIGN_IDENTITY_ISSUERS": json.dumps(
        [{"issuer": issuer.url, "audience": audience, "kind": "github", "claims": {"repository_owner_id": "7"}}])}


class JobTokens:
    """`environment`: what the runner sets. `gives` False: a job whose permissions say nothing."""

    def __init__(self, issuer, gives=True):
        self.asked = []
        tokens = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                tokens.asked.append((query, self.headers["Authorization"]))
                token = issuer.token(aud=query["audience"], **JOB) if gives else ""
                body = json.dumps({"count": len(token), "value": token}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.environment = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{self.server.server_port}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret"}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
