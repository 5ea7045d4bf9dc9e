#!/usr/bin/env python3
"""The Bot Framework's own streaming extensions, both ways: its peer opens a socket to the real server, and the local
workspace opens one to a bot on its framework. Exits 77 when npm cannot provide them."""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from process import Dev, TempFolder  # noqa: E402


def main():
    installed = subprocess.run([str(HERE / "install.sh")])
    if installed.returncode != 0:
        return installed.returncode
    folder = TempFolder()
    dev = Dev(folder.path)
    try:
        return subprocess.run(["node", "streaming.mjs", dev.workspace.url, dev.api.url], cwd=HERE).returncode
    finally:
        dev.stop()
        folder.remove()


if __name__ == "__main__":
    sys.exit(main())
