#!/usr/bin/env python3
"""The official Standard Webhooks library verifies what the real server sends. Exits 77 when npm cannot provide it."""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from process import Dev, Program, TempFolder  # noqa: E402


def main():
    installed = subprocess.run([str(HERE / "install.sh")])
    if installed.returncode != 0:
        return installed.returncode
    folder = TempFolder()
    dev = Dev(folder.path)
    try:
        made = Program(["token", "create", "--name", "hooks", "--scope", "request,read,subscribe"],
                       {"COUNTERSIGN_HOME": folder.path})
        assert made.wait() == 0, made.text()
        return subprocess.run(["node", "webhooks.mjs", dev.api.url, made.out[0]], cwd=HERE).returncode
    finally:
        dev.stop()
        folder.remove()


if __name__ == "__main__":
    sys.exit(main())
