#!/usr/bin/env python3
"""A decision's receipt in real browsers: receipt.py [FOLDER-FOR-PICTURES]. Exits 77 when there is none."""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from against_dev import against_dev  # noqa: E402
from process import wait_until  # noqa: E402

INTENT = "Upgrade the orders database to <b>PostgreSQL 15</b>, so that it is supported beyond November"


def check(dev, folder):
    request = dev.api.open("db.upgrade", intent=INTENT, parameters={"to": 15, "from": 13, "note": "two  blanks"})
    dev.workspace.with_reason("amy", request["id"], "deny", "the change window is closed until Monday")
    dev.api.reaches(request["id"], "denied")

    def look():
        found = re.search(r"http://[^\"|>\s]+/r/req_[^\"|>\s]+",
                          str(dev.workspace.card(request["id"])).replace("&amp;", "&"))
        return found.group(0) if found else None
    link = wait_until("the card's link", look, 20)
    wait_until("the proof", lambda: dev.api.call("GET", f"/v1/requests/{request['id']}/proof").status == 200, 20)
    pictures = sys.argv[1:2]
    ran = 0
    for browser in ("chromium", "firefox"):
        code = subprocess.run(["node", "receipt.mjs", browser, link, dev.api.token, *pictures], cwd=HERE).returncode
        if code not in (0, 77):
            return code
        ran += code == 0
    return 0 if ran else 77


def main():
    return against_dev(HERE / "driver.sh", check)


if __name__ == "__main__":
    sys.exit(main())
