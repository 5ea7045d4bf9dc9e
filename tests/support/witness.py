"""A witness of logs (C2SP tlog-witness) of its own: it shares no code with the server, and signs with openssl."""
import base64
import hashlib
import http.server
import pathlib
import subprocess
import threading
import time


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def consistent(old, old_root, new, new_root, proof):
    """RFC 9162 2.1.4.2."""
    if old == new:
        return not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == new_root and sn == 0


class Witness:
    """Knows one log by its vkey. `lie` makes its signatures wrong."""

    def __init__(self, folder, name="witness.example.net/w1"):
        self.folder, self.name, self.lie = pathlib.Path(folder), name, False
        self.log_key = None
        self.seen = (0, hashlib.sha256(b"").digest())
        self.answers = []
        self.private = self.folder / "witness.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(self.private)], check=True)
        der = subprocess.run(["openssl", "pkey", "-in", str(self.private), "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        typed = b"\x04" + der[-32:]
        self.key_id = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
        self.vkey = f"{name}+{self.key_id.hex()}+{base64.b64encode(typed).decode()}"
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, text = outer.add_checkpoint(body) if self.path == "/add-checkpoint" else (404, "")
                outer.answers.append(status)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def verifies(self, text, signature):
        raw = base64.b64decode(self.log_key.split("+", 2)[2])[1:]
        public, body, sig = (self.folder / name for name in ("log.der", "log.body", "log.sig"))
        public.write_bytes(bytes.fromhex("302a300506032b6570032100") + raw)
        body.write_bytes(text.encode())
        sig.write_bytes(signature)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", str(public),
                               "-rawin", "-in", str(body), "-sigfile", str(sig)], capture_output=True)
        return done.returncode == 0

    def sign(self, text):
        now = int(time.time())
        body, sig = self.folder / "body", self.folder / "sig"
        body.write_text(f"cosignature/v1\ntime {now}\n{text}" + ("?" if self.lie else ""))
        subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", str(self.private), "-rawin", "-in", str(body), "-out",
                        str(sig)], check=True)
        payload = self.key_id + now.to_bytes(8, "big") + sig.read_bytes()
        return f"\u2014 {self.name} {base64.b64encode(payload).decode()}\n"

    def add_checkpoint(self, body):
        head, checkpoint = body.split("\n\n", 1)
        lines = head.split("\n")
        old = int(lines[0].removeprefix("old "))
        proof = [base64.b64decode(line) for line in lines[1:]]
        text, signatures = checkpoint.split("\n\n", 1)
        text += "\n"
        _, size, root = text.split("\n")[:3]
        size, root = int(size), base64.b64decode(root)
        first = base64.b64decode(signatures.split("\n")[0].split(" ")[2])
        if not self.verifies(text, first[4:]):
            return 403, ""
        if old > size:
            return 400, ""
        if old != self.seen[0]:
            return 409, f"{self.seen[0]}\n"
        if old == 0:
            good = not proof
        else:
            good = consistent(old, self.seen[1], size, root, proof)
        if not good:
            return 422, ""
        self.seen = (size, root)
        return 200, self.sign(text)
