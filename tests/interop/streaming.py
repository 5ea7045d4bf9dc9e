#!/usr/bin/env python3
"""The Bot Framework's own streaming extensions, both ways: its peer opens a socket to the real server, and the local
workspace opens one to a bot on its framework. Exits 77 when npm cannot provide them."""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from against_dev import against_dev  # noqa: E402


def check(dev, _):
    return subprocess.run(["node", "streaming.mjs", dev.workspace.url, dev.api.url], cwd=HERE).returncode


def main():
    return against_dev(HERE / "install.sh", check)


if __name__ == "__main__":
    sys.exit(main())
