"""An OIDC issuer of our own: keys and tokens made with the openssl command, served over TLS on a port that the kernel
chooses, with a certificate of an authority that only those who are told of it trust."""
import base64
import http.server
import json
import os
import ssl
import subprocess
import threading
import time


def openssl(*arguments, stdin=b""):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    def __init__(self, folder, name="issuer"):
        self.base = os.path.join(folder, name)
        self.key, self.authority = self.base + ".key", self.base + "-ca.pem"
        self.fetched = {}
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key)
        self._certify()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.fetched[self.path] = outer.fetched.get(self.path, 0) + 1
                page = outer.pages().get(self.path)
                body = json.dumps(page or {}).encode()
                self.send_response(200 if page else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.base + "-tls.pem", self.base + "-tls.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _certify(self):
        base = self.base
        with open(base + ".ext", "w") as file:
            file.write("subjectAltName=IP:127.0.0.1\n")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", base + "-ca.key", "-out", self.authority,
                "-days", "2", "-subj", "/CN=an authority of ours")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", base + "-tls.key", "-out", base + ".csr",
                "-subj", "/CN=127.0.0.1")
        openssl("x509", "-req", "-in", base + ".csr", "-CA", self.authority, "-CAkey", base + "-ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", base + ".ext", "-out", base + "-tls.pem")

    def pages(self):
        modulus = openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip().split("=")[1]
        key = {"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "e": "AQAB", "n": b64(bytes.fromhex(modulus))}
        return {"/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": self.url + "/keys"},
                "/keys": {"keys": [key]}}

    def token(self, **claims):
        now = int(time.time())
        body = {"iss": self.url, "iat": now, "nbf": now - 60, "exp": now + 300, "jti": os.urandom(8).hex(), **claims}
        text = b64(json.dumps({"alg": "RS256", "typ": "JWT", "kid": "one"}).encode()) + "." + b64(json.dumps(body).encode())
        return text + "." + b64(openssl("dgst", "-sha256", "-sign", self.key, stdin=text.encode()))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
