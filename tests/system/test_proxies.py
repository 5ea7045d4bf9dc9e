"""What docs/api.md says of proxies, with the proxies themselves: its configurations are taken from there and run. Skipped
for a proxy that is not installed."""
import http.client
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

from process import ROOT, Api, Client, Program, TempFolder, wait_until
from raw import address_of
from test_requests import DevTest

DOCUMENT = ROOT / "docs" / "api.md"
EXAMPLES = ROOT / "examples"


def shown(language):
    """The configuration in the document, between fences of this language."""
    return re.search(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.S | re.M).group(1)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Front:
    """A proxy before the server, with the document's configuration; `change` may rewrite it."""

    def __init__(self, server, change=lambda text: text):
        self.folder = TempFolder()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        host, port = address_of(server)
        text = shown(self.language).replace("127.0.0.1:8480", f"{host}:{port}")
        self.path = self.folder.write(self.name, self.around(change(text)))
        self.child = subprocess.Popen([self.name, *self.arguments()], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                      env={"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": self.folder.path})
        try:
            wait_until(f"{self.name} listening", self.listens, 20)
        except AssertionError as late:
            self.child.kill()
            raise AssertionError(f"{late}: {self.child.stderr.read()}")

    def listens(self):
        try:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=5).request("GET", "/healthz") is None
        except OSError:
            return False

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stderr.close()
        self.folder.remove()


class Nginx(Front):
    name, language = "nginx", "nginx"
    impatient = staticmethod(lambda text: re.sub(r"proxy_read_timeout \S+;", "proxy_read_timeout 2s;", text))

    def around(self, text):
        text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{self.port};")
        paths = "".join(f"{kind}_temp_path {self.folder.path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"daemon off; pid {self.folder.path}/pid; events {{}} http {{ access_log off; {paths}\n{text}\n}}"

    def arguments(self):
        return ["-p", self.folder.path, "-c", self.path, "-e", f"{self.folder.path}/errors"]


class HAProxy(Front):
    name, language = "haproxy", "haproxy"
    impatient = staticmethod(lambda text: re.sub(r"timeout server \S+", "timeout server 2s", text))

    def around(self, text):
        return re.sub(r"bind :443 .*", f"bind 127.0.0.1:{self.port}", text)

    def arguments(self):
        return ["-db", "-f", self.path]


class Caddy(Front):
    name, language = "caddy", "caddyfile"
    # It has no limit of its own; one is set to see what would be.
    impatient = staticmethod(lambda text: text.replace(
        "flush_interval -1", "flush_interval -1\n        transport http {\n            response_header_timeout 2s\n        }"))

    def around(self, text):
        return "{\n    admin off\n    auto_https off\n}\n" + text.replace("approvals.example.com {", f"http://127.0.0.1:{self.port} {{\n    bind 127.0.0.1")

    def arguments(self):
        return ["run", "--config", self.path, "--adapter", "caddyfile"]


class Behind:
    """What works without a proxy works behind each of them."""

    def front(self, change=lambda text: text):
        if shutil.which(self.proxy.name) is None:
            self.skipTest(f"{self.proxy.name} is not installed")
        front = self.proxy(self.api.url, change)
        self.addCleanup(front.stop)
        return front

    def test_ACommandIsAskedForWaitedForAndRun(self):
        client = Client(Api(self.front().url, self.api.token))
        run = client.start("run", "--action", "deploy.api", "--", "sh", "-c", "echo ran; exit 3")
        self.addCleanup(run.kill)
        request = run.line(r"filed .*\((req_\w+)\)").group(1)
        self.workspace.approve("amy", request)
        self.assertEqual((run.wait(), run.out), (3, ["ran"]), run.text())
        self.assertEqual(self.api.show(request)["state"], "failed")

    def test_RefusalsTagsAndLargeBodiesPassUnchanged(self):
        api = Api(self.front().url, self.api.token)
        refused = api.call("POST", "/v1/requests", {"action": "NOT VALID"})
        self.assertEqual((refused.status, refused.json["pointer"]), (400, "/action"))
        request = api.open("deploy.large", parameters={"x": "y" * (250 * 1024)})
        again = api.call("GET", f"/v1/requests/{request['id']}", headers={"If-None-Match": '"1"', "Prefer": "wait=1"})
        self.assertEqual(again.status, 304)
        listed = api.call("GET", "/v1/requests?action=deploy.large&limit=1")
        self.assertEqual(listed.json["requests"][0]["id"], request["id"])

    def test_EventsComeWhenTheyHappen(self):
        link = http.client.HTTPConnection(*address_of(self.front().url), timeout=20)
        link.request("GET", "/v1/events", headers={"Authorization": f"Bearer {self.api.token}"})
        stream = link.getresponse()
        self.assertEqual(stream.status, 200)
        seen = []
        threading.Thread(target=lambda: [seen.append(line) for line in stream], daemon=True).start()
        request = self.api.open("deploy.streamed")
        wait_until("the event", lambda: any(request["id"].encode() in line for line in list(seen)), 10)

    def test_AProxyThatCutsSilentConnectionsIsNoOutage(self):
        front = self.front(self.proxy.impatient)
        environment = {"COUNTERSIGN_URL": front.url, "COUNTERSIGN_TOKEN": self.api.token, "COUNTERSIGN_PATIENCE": "3"}
        asks = ["--action", "deploy.slow", "--", "echo", "ran"]
        runs = [Program(["run", "--unreachable-after", "3s", *asks], environment),
                Program([str(EXAMPLES / "shell" / "countersign.sh"), *asks], environment, program="sh"),
                Program([str(EXAMPLES / "python" / "countersign.py"), *asks], environment, program="python3"),
                Program([str(EXAMPLES / "node" / "countersign.mjs"), *asks], environment, program="node")]
        requests = []
        for run in runs:
            self.addCleanup(run.kill)
            requests.append(run.line(r"filed .*\((req_\w+)\)").group(1))
        time.sleep(7)  # longer than their patience, and than three cuts
        for run, request in zip(runs, requests):
            with self.subTest(request):
                self.workspace.approve("amy", request)
                self.assertEqual((run.wait(), run.out), (0, ["ran"]), run.text())
                self.assertNotIn("trying again", run.text())


class BehindNginx(Behind, DevTest):
    proxy = Nginx


class BehindHAProxy(Behind, DevTest):
    proxy = HAProxy


class BehindCaddy(Behind, DevTest):
    proxy = Caddy


if __name__ == "__main__":
    unittest.main()
