#!/usr/bin/env python3
"""The AI SDK, the OpenAI Agents SDK and LangChain run tools of examples/agents. Exits 77 when npm cannot provide them."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from process import Dev, TempFolder  # noqa: E402

POLICY = """
version: 1
default: refuse
rules:
  - { name: free, when: { action: agent.interop.free }, allow: true }
"""


def main():
    installed = subprocess.run([str(HERE / "install.sh")])
    if installed.returncode != 0:
        return installed.returncode
    folder = TempFolder()
    dev = Dev(os.path.join(folder.path, "home"), folder.write("policy.yaml", POLICY))
    try:
        return subprocess.run(["node", "agents.mjs"], cwd=HERE, env={**os.environ, **dev.client.environment}).returncode
    finally:
        dev.stop()
        folder.remove()


if __name__ == "__main__":
    sys.exit(main())
