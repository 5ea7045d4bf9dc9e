#!/usr/bin/env python3
"""A request is denied on the workspace's Teams page, in a real browser. Exits 77 when there is none."""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from process import Dev, TempFolder  # noqa: E402


def main():
    installed = subprocess.run([str(HERE / "driver.sh")])
    if installed.returncode != 0:
        return installed.returncode
    folder = TempFolder()
    dev = Dev(folder.path)
    try:
        dev.api.open("db.export")
        return subprocess.run(["node", "teams.mjs", dev.workspace.url], cwd=HERE).returncode
    finally:
        dev.stop()
        folder.remove()


if __name__ == "__main__":
    sys.exit(main())
