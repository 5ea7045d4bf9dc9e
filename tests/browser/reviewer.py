#!/usr/bin/env python3
"""What reviewers do with the real server behind the workspace page, in real browsers: reviewer.py [FOLDER-FOR-PICTURES].
Exits 77 when there is none."""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from process import Parts, TempFolder, wait_until  # noqa: E402

POLICY = """
version: 1
people:
  riley: { slack: U0RILEY }
  amy: { slack: U0AMY, oidc: "https://login.example.com|1" }
  ben: { slack: U0BEN, oidc: "https://login.example.com|2" }
groups:
  ops: { people: [riley, ben] }
  security: { people: [amy, ben] }
rules:
  - name: deploys
    when: { action: ["deploy", "deploy.*"] }
    require: { count: 1, of: security }
  - name: by night
    when: { action: restart }
    require: { count: 1, of: ops }
    self_approval: { allow: [riley], reason: required, review: { by: security, within: 1d } }
  - name: signed in for
    when: { action: wipe }
    require: { count: 1, of: security }
    step_up: oidc
"""
ALONE = 2  # of requests that are alike, so many come on cards of their own


def ask(dev):
    alike = [dev.api.open("deploy", environment="production", resource=f"part-{i}", intent=f"Roll out part {i}")
             for i in range(6)]
    wait_until("the cards", lambda: all(dev.api.show(one["id"])["cards"] for one in alike), 20)
    own = dev.api.open("restart", environment="production", on_behalf_of=["riley"], intent="The shop is down")
    signed = dev.api.open("wipe", environment="production", resource="archive", intent="Make room")
    others = {"own": own, "signed": signed, "mine": dev.api.open("deploy.mine", on_behalf_of=["riley"], intent="Mine"),
              "large": dev.api.open("deploy.large", parameters={f"member{i}": f"value {i} " + "x" * 500 for i in range(200)}),
              "listed": dev.api.open("deploy.listed", intent="Listed"),
              "home": dev.api.open("deploy.home", intent="At home")}
    named = {name: {"id": one["id"], "number": one["number"]} for name, one in others.items()}
    return {"alike": [{"id": one["id"], "number": one["number"]} for one in alike[ALONE:]], **named}


def drive(browser, pictures):
    folder = TempFolder()
    dev = Parts(folder.path, folder.write("policy.yaml", POLICY),
                {"COUNTERSIGN_CARDS_COLLAPSE": "true",
                 "COUNTERSIGN_IDENTITY_LOGIN_ISSUER": "https://login.example.com",
                 "COUNTERSIGN_IDENTITY_LOGIN_CLIENT_ID": "countersign",
                 "COUNTERSIGN_IDENTITY_LOGIN_CLIENT_SECRET": "a secret of forty characters, no less: 0123"})
    try:
        dev.start()
        dev.workspace.control("limits", {"limits": "off"})
        order = json.dumps(ask(dev))
        return subprocess.run(["node", "reviewer.mjs", dev.workspace.url, browser, order, *pictures],
                              cwd=HERE).returncode
    finally:
        dev.stop()
        folder.remove()


def main():
    installed = subprocess.run([str(HERE / "driver.sh")])
    if installed.returncode != 0:
        return installed.returncode
    pictures = [str(pathlib.Path(sys.argv[1]).resolve())] if len(sys.argv) > 1 else []
    ran = 0
    for browser in ("chromium", "firefox"):
        code = drive(browser, pictures)
        if code not in (0, 77):
            return code
        ran += code == 0
    return 0 if ran else 77


if __name__ == "__main__":
    sys.exit(main())
