#!/usr/bin/env python3
"""What others wrote checks our evidence: Go's x/mod/sumdb the log, @sigstore/verify and openssl the statements, jose the
grant, and the verifier in examples/verify a whole export, fresh and tampered with. Exits 77 when npm or Go cannot be had."""
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "support"))
from process import Dev, Program, TempFolder, wait_until  # noqa: E402

GO_SOURCES = pathlib.Path("/usr/share/gocode")


def run(*command, cwd=HERE, environment=None, expect=0):
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=300,
                          env={**os.environ, **(environment or {})})
    assert done.returncode == expect, (command, done.returncode, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout


def decide_something(dev):
    approved = dev.api.open()
    dev.workspace.approve("amy", approved["id"])
    dev.api.reaches(approved["id"], "approved")
    denied = dev.api.open()
    dev.workspace.with_reason("ben", denied["id"], "deny", "not today")
    dev.api.reaches(denied["id"], "denied")
    for _ in range(200):  # more than one tile of events
        dev.api.call("POST", f"/v1/requests/{dev.api.open()['id']}/cancel", {})
    claimed = dev.api.call("POST", f"/v1/requests/{approved['id']}/claim", {"digest": approved["digest"]})
    assert claimed.status == 200, claimed.body

    def proven():
        reply = dev.api.call("GET", f"/v1/requests/{denied['id']}/proof")
        return reply if reply.status == 200 else None
    wait_until("the decision being proven", proven, 20)
    return approved, claimed.json["grant"]


def check_with_openssl(folder, into):
    keys = json.loads((folder / "keys.json").read_text())
    (into / "decision.pem").write_text(keys["decision"][0]["pem"])
    for path in sorted((folder / "decisions").glob("*.dsse.json"))[:5]:
        envelope = json.loads(path.read_text())
        payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
        body = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
        (into / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
        for content, code in ((body, 0), (body[:-1] + b"?", 1)):
            (into / "body").write_bytes(content)
            run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", into / "decision.pem", "-rawin", "-in",
                into / "body", "-sigfile", into / "sig", expect=code)


def check_tampering(folder, into):
    verifier = ROOT / "examples" / "verify" / "verify.mjs"
    print(run("node", verifier, folder).strip())

    def edit(name, change):
        copy = into / name
        shutil.copytree(folder, copy)
        change(copy)
        run("node", verifier, copy, expect=1)
        ours = Program(["audit", "verify", str(copy)])
        assert ours.wait() == 1, ours.text()
    first = sorted((folder / "requests").iterdir())[0].name

    def replace(path, old, new):
        data = path.read_bytes()
        assert old in data, (path, old)
        path.write_bytes(data.replace(old, new, 1))
    edit("leaf", lambda f: replace(f / "log/tile/entries/000", b'"state":"', b'"statf":"'))
    edit("tile", lambda f: (f / "log/tile/0/000").write_bytes(bytes(8192)))
    edit("checkpoint", lambda f: replace(f / "log/checkpoint", b"\n\n", b"x\n\n"))
    edit("record", lambda f: replace(f / "requests" / first, b'\\"approve\\"', b'\\"deny\\"'))
    edit("rules", lambda f: replace(f / "requests" / first, b'\\"count\\":1', b'\\"count\\":2'))
    statement = sorted((folder / "decisions").glob("*.dsse.json"))[0].name
    edit("decision", lambda f: replace(f / "decisions" / statement, b'"payloadType":"application/vnd.in-toto+json"',
                                       b'"payloadType":"application/json"'))
    other = sorted((folder / "decisions").glob("*.tlog-proof"))
    edit("proof", lambda f: shutil.copy(other[0], f / "decisions" / other[1].name))


def verdict_of(page):
    """What the page says of itself in a real browser; None where there is no browser."""
    browser = shutil.which("chromium")
    if not browser:
        return None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=30000", "--dump-dom"]
    done = subprocess.run([browser, *flags, page.as_uri()], capture_output=True, text=True, timeout=120)
    found = re.search(r'<p id="verdict"[^>]*>(.*?)</p>', done.stdout)
    assert found, (done.stdout[-2000:], done.stderr[-2000:])
    return found[1]


def check_page(home, into):
    page = into / "export.html"
    exported = Program(["audit", "export", "--format", "html", "--out", str(page)], {"COUNTERSIGN_HOME": home})
    assert exported.wait() == 0, exported.text()
    said = verdict_of(page)
    if said is None:
        return
    assert said == "All of it holds together.", said
    text = page.read_text()
    start = text.index('"requests/req_')
    start = text.index('":"', start) + 3
    record = base64.b64decode(text[start:text.index('"', start)])
    changed = base64.b64encode(record.replace(b'deploy', b'depl0y')).decode()
    (into / "tampered.html").write_text(text[:start] + changed + text[text.index('"', start):])
    said = verdict_of(into / "tampered.html")
    assert "do not rely on this" in said, said
    print("the page checks itself")


def main():
    if subprocess.run([str(HERE / "install.sh")]).returncode != 0 or not shutil.which("go") or not GO_SOURCES.exists():
        return 77
    folder = TempFolder()
    home = os.path.join(folder.path, "home")
    dev = Dev(home)
    try:
        approved, grant = decide_something(dev)
        out = pathlib.Path(folder.path, "export")
        exported = Program(["audit", "export", "--out", str(out), "--json"], {"COUNTERSIGN_HOME": home})
        assert exported.wait() == 0, exported.text()
        ours = Program(["audit", "verify", str(out)])
        assert ours.wait() == 0, ours.text()
        live = Program(["audit", "verify"], {"COUNTERSIGN_HOME": home})
        assert live.wait() == 0, live.text()
        vkey = json.loads((out / "keys.json").read_text())["log"][0]["vkey"]
        print(run("go", "run", HERE / "tlog.go", out, vkey, environment={
            "GO111MODULE": "off", "GOPATH": str(GO_SOURCES), "GOFLAGS": "", "GOCACHE": os.path.join(folder.path, "go")}).strip())
        print(run("node", "evidence.mjs", out, dev.api.url, grant, approved["digest"]).strip())
        work = pathlib.Path(folder.path, "work")
        work.mkdir()
        check_with_openssl(out, work)
        check_tampering(out, work)
        check_page(home, work)
        return 0
    finally:
        dev.stop()
        folder.remove()


if __name__ == "__main__":
    sys.exit(main())
