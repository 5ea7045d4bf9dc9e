#!/usr/bin/env python3
"""What others wrote checks our evidence: Go's x/mod/sumdb the log, @sigstore/verify and openssl the statements, jose the
grant, and the verifier in examples/verify a whole export, fresh and tampered with. Then the same with the keys in SoftHSM. Exits 77 when npm or Go cannot be had."""
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
from process import Dev, Parts, Program, TempFolder, wait_until  # noqa: E402

GO_SOURCES = pathlib.Path("/usr/share/gocode")


def run(*command, cwd=HERE, environment=None, expect=0):
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=300,
                          env={**os.environ, **(environment or {})})
    assert done.returncode == expect, (command, done.returncode, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout


def decide_something(dev, fillers=200):
    approved = dev.api.open()
    dev.workspace.approve("amy", approved["id"])
    dev.api.reaches(approved["id"], "approved")
    denied = dev.api.open()
    dev.workspace.with_reason("ben", denied["id"], "deny", "not today")
    dev.api.reaches(denied["id"], "denied")
    for _ in range(fillers):  # 200 make more than one tile of events
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


def check_page(environment, into):
    page = into / "export.html"
    exported = Program(["audit", "export", "--format", "html", "--out", str(page)], environment)
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


PKCS11_MODULE = pathlib.Path("/usr/lib/softhsm/libsofthsm2.so")
PKCS11_KEYS = (("01", "EC:edwards25519", "log"), ("02", "EC:prime256v1", "decision"), ("03", "EC:edwards25519", "grant"))


def make_token(into):
    """A software HSM with the three keys; what a server needs to sign with them, as its environment."""
    tokens = into / "tokens"
    tokens.mkdir(parents=True)
    into.chmod(0o755)
    (into / "softhsm2.conf").write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    environment = {"SOFTHSM2_CONF": str(into / "softhsm2.conf")}
    run("softhsm2-util", "--init-token", "--free", "--label", "countersign", "--pin", "1234", "--so-pin", "5678",
        environment=environment)
    for number, kind, label in PKCS11_KEYS:
        run("pkcs11-tool", "--module", PKCS11_MODULE, "--token-label", "countersign", "--login", "--pin", "1234",
            "--keypairgen", "--key-type", kind, "--id", number, "--label", label, environment=environment)
    settings = into / "pkcs11.conf"
    settings.write_text(f"PKCS11_MODULE={PKCS11_MODULE}\nPKCS11_TOKEN=countersign\nPKCS11_PIN=1234\nDECISION_KEY=P-256\n")
    settings.chmod(0o600)
    script = ROOT / "examples" / "signing-command" / "pkcs11-sign"
    return {**environment, "COUNTERSIGN_SIGNING_COMMAND": f"{script} {settings}"}


def raw_ecdsa(der):
    """r and s side by side, of a signature in DER."""
    numbers, at = b"", 2
    for _ in range(2):
        length = der[at + 1]
        numbers += der[at + 2:at + 2 + length].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + length
    return numbers


def check_other_encoding(folder, into):
    """A statement whose ECDSA signature is raw is refused by each verifier, and the same in DER is not."""
    copy = into / "encoding"
    shutil.copytree(folder, copy)
    path = sorted((copy / "decisions").glob("*.dsse.json"))[0]
    envelope = json.loads(path.read_text())
    der = base64.b64decode(envelope["signatures"][0]["sig"])
    assert der[0] == 0x30 and len(der) > 64, der
    envelope["signatures"][0]["sig"] = base64.b64encode(raw_ecdsa(der)).decode()
    path.write_text(json.dumps(envelope))
    run("node", ROOT / "examples" / "verify" / "verify.mjs", copy, expect=1)
    ours = Program(["audit", "verify", str(copy)])
    assert ours.wait() == 1 and "nobody whose key is known" in ours.text(), ours.text()


def check_keys_elsewhere(folder):
    """Everything again with the keys in a token, where decisions are signed on P-256."""
    home = pathlib.Path(folder, "hsm")
    parts = Parts(str(home), environment=make_token(home))
    try:
        parts.start()
        assert not list((home / "keys").glob("*.pem"))
        approved, grant = decide_something(parts, fillers=3)
        work = home / "work"
        work.mkdir()
        out = work / "export"
        exported = parts.verb("audit", "export", "--out", str(out))
        assert exported.code == 0, exported.text()
        verified = Program(["audit", "verify", str(out)])
        assert verified.wait() == 0, verified.text()
        print(run("node", ROOT / "examples" / "verify" / "verify.mjs", out).strip())
        print(run("node", "evidence.mjs", out, parts.url, grant, approved["digest"]).strip())
        check_with_openssl(out, work)
        check_other_encoding(out, work)
        check_page(parts.environment, work)
        check_locked_token(parts, home)
    finally:
        parts.stop()


def check_locked_token(parts, home):
    """While the token does not sign nothing is signed, the rest works, and what was claimed is not lost."""
    request = parts.api.open()
    parts.workspace.approve("amy", request["id"])
    parts.api.reaches(request["id"], "approved")
    settings = home / "pkcs11.conf"
    before = settings.read_text()
    settings.write_text(before.replace("PKCS11_PIN=1234", "PKCS11_PIN=0000"))
    claim = f"/v1/requests/{request['id']}/claim"
    key = {"Idempotency-Key": "the-claim"}
    refused = parts.api.call("POST", claim, {"digest": request["digest"]}, key)
    assert (refused.status, refused.json["code"]) == (503, "not_signed"), refused.body
    assert "pkcs11" not in refused.body, "how it is set up is nobody else's business"
    wait_until("a warning", lambda: "no signature could be made" in parts.api.ready().body, 20)
    settings.write_text(before)
    granted = parts.api.call("POST", claim, {"digest": request["digest"]}, key)
    assert granted.status == 200 and granted.json["grant"].count(".") == 2, granted.body
    wait_until("no warning", lambda: "no signature could be made" not in parts.api.ready().body, 20)


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
        check_page({"COUNTERSIGN_HOME": home}, work)
        check_keys_elsewhere(folder.path)
        return 0
    finally:
        dev.stop()
        folder.remove()


if __name__ == "__main__":
    sys.exit(main())
