#!/usr/bin/env python3
"""The official Standard Webhooks library verifies what the real server sends. Exits 77 when npm cannot provide it."""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from against_dev import against_dev  # noqa: E402
from process import Program  # noqa: E402


def check(dev, folder):
    made = Program(["token", "create", "--name", "hooks", "--scope", "request,read,subscribe"],
                   {"COUNTERSIGN_HOME": folder.path})
    assert made.wait() == 0, made.text()
    return subprocess.run(["node", "webhooks.mjs", dev.api.url, made.out[0]], cwd=HERE).returncode


def main():
    return against_dev(HERE / "install.sh", check)


if __name__ == "__main__":
    sys.exit(main())
