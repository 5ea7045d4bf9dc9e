#!/usr/bin/env python3
"""The AI SDK, the OpenAI Agents SDK and LangChain run tools of examples/agents. Exits 77 when npm cannot provide them."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from against_dev import against_dev  # noqa: E402

POLICY = """
version: 1
default: refuse
rules:
  - { name: free, when: { action: agent.interop.free }, allow: true }
"""


def check(dev, _):
    return subprocess.run(["node", "agents.mjs"], cwd=HERE, env={**os.environ, **dev.client.environment}).returncode


def main():
    return against_dev(HERE / "install.sh", check, POLICY)


if __name__ == "__main__":
    sys.exit(main())
