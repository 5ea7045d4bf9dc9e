#!/usr/bin/env python3
"""A request is denied on the workspace's Teams page, in a real browser. Exits 77 when there is none."""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from against_dev import against_dev  # noqa: E402


def check(dev, _):
    dev.api.open("db.export")
    return subprocess.run(["node", "teams.mjs", dev.workspace.url], cwd=HERE).returncode


def main():
    return against_dev(HERE / "driver.sh", check)


if __name__ == "__main__":
    sys.exit(main())
