"""A server between a client and ours: it shows every call to a witness, and may change what passes."""
import collections
import contextlib
import http.client
import http.server
import socket
import threading

from raw import address_of

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length", "expect"}

Call = collections.namedtuple("Call", "method target status text")


class Proxy:
    """Passes on what it is asked. A server that is gone is passed on, too: as a connection that ends without an answer.

    `witness(method, target, body, status, fields, answer)` sees each call; what it does not like is in `wrong`.
    `change(method, target, body)` may give another body; `fault(method, target)` a status to fail with, as gateways do
    by themselves, or 0 to hang up. `retry_after`: what those answers say. `page`: what those answers and those that are no
    failures but the proxy's own (200, 403 …) hold, with its type. `cut_after`: seconds of silence after which it answers
    504 for the server."""

    def __init__(self, server=None, witness=None, change=None, fault=None, retry_after=None, page=None, cut_after=130):
        self.server = server  # its URL, which may come later
        self.wrong, self.calls, self.links = [], [], set()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self):
                proxy.links.add(self.connection)
                try:
                    super().handle()
                except OSError:
                    pass  # a client that has gone, or was hung up on
                finally:
                    proxy.links.discard(self.connection)

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                failing = fault(self.command, self.path) if fault else None
                if failing is not None:
                    self.fail(failing)
                    return
                sent = change(self.command, self.path, body) if change else body
                fields = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
                try:
                    link = http.client.HTTPConnection(*address_of(proxy.server), timeout=cut_after)
                    link.request(self.command, self.path, sent or None, fields)
                    answer = link.getresponse()
                    streamed = answer.getheader("Content-Type") == "text/event-stream"
                    text = b"" if streamed else answer.read()
                except TimeoutError:
                    self.fail(504)
                    return
                except (OSError, http.client.HTTPException):
                    self.close_connection = True
                    return
                proxy.saw(self.command, self.path, sent, answer, text, witness)
                if streamed:
                    self.stream(answer)
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                if answer.status not in (204, 304):
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def fail(self, status):
                self.close_connection = True
                kind, text = page or ("text/html", b"<h1>Sorry.</h1>")
                if status:
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(text)))
                    if retry_after:
                        self.send_header("Retry-After", str(retry_after))
                    self.end_headers()
                    self.wfile.write(text)

            def stream(self, answer):
                """Block by block, until one of the two has had enough."""
                self.close_connection = True
                self.send_response(answer.status)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                with contextlib.suppress(OSError, http.client.HTTPException):
                    for line in answer:
                        self.wfile.write(line)

            do_GET = do_POST = do_DELETE = do_HEAD = pass_on

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.front = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.front.server_port}"
        threading.Thread(target=self.front.serve_forever, daemon=True).start()

    def saw(self, method, target, body, answer, text, witness):
        self.calls.append(Call(method, target, answer.status, text.decode(errors="replace")))
        try:
            if witness:
                witness(method, target, body, answer.status, answer.headers, text.decode(errors="replace"))
        except AssertionError as finding:
            self.wrong.append(str(finding))

    def hang_up(self):
        """Ends all connections."""
        for link in list(self.links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.front.shutdown()
        self.front.server_close()
        assert not self.wrong, self.wrong[0]
