#!/usr/bin/env python3
"""Approvals that take a sign-in, with a real OpenID provider (npm's oidc-provider). Exits 77 when npm cannot provide it.

oidc.py [FOLDER]: pictures of the pages are left there. The browser is left out where there is none."""
import html
import http.cookiejar
import json
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from process import USERS, Parts, Program, Reply, TempFolder, wait_until  # noqa: E402

POLICY = """
version: 1
people:
  riley: { slack: U0RILEY, oidc: "ISSUER|riley" }
  amy: { slack: U0AMY, oidc: "ISSUER|amy" }
  ben: { slack: U0BEN, oidc: "ISSUER|ben" }
  cat: { slack: U0CAT }
groups:
  reviewers: { people: [amy, ben, cat, riley] }
default: refuse
rules:
  - name: signed
    when: { action: signed }
    require: { count: 1, of: reviewers }
    step_up: { oidc: { acr: phr, amr: [pwd, otp] } }
  - name: named
    when: { action: named }
    require: { count: 1, of: reviewers }
    step_up: oidc
    reason: required
    confirm: resource
"""
SECRET = "a secret of forty characters, no less: 0123"


class Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    """Cookies and redirects, as a browser has them."""

    def __init__(self):
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies), Stays())
        self.url = None

    def once(self, url, form=None, origin=None):
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(url, data=data, headers={"Origin": origin} if origin else {})
        try:
            with self.opener.open(request, timeout=20) as answer:
                return Reply(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as answer:
            return Reply(answer.code, answer.headers, answer.read().decode())

    def go(self, url, form=None, origin=None, until=None):
        reply = self.once(url, form, origin)
        while reply.status in (301, 302, 303) and not (until and until in reply.headers["Location"]):
            url = urllib.parse.urljoin(url, reply.headers["Location"])
            reply = self.once(url)
        self.url = url
        return reply

    def sign_in(self, link, login, acr="phr", amr="pwd otp", until=None):
        """Follows a link to the provider and back; the page that stands there then."""
        page = self.go(link)
        assert "Sign in" in page.body, page.body
        action = re.search(r'action="([^"]+)"', page.body).group(1)
        return self.go(urllib.parse.urljoin(self.url, action), {"login": login, "acr": acr, "amr": amr}, until=until)


def form_of(page):
    return {html.unescape(name): html.unescape(value)
            for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.body)}


class World:
    def __init__(self, dev, issuer):
        self.dev, self.issuer, self.url = dev, issuer, dev.api.url

    def link(self, who, request):
        """Presses Approve; the link in the dialog that opens."""
        card = self.dev.workspace.card(request["id"])
        self.dev.workspace.click_on(who, card, "approve")
        user = USERS[who]

        def look():
            shown = json.dumps(self.dev.workspace.control("views", user=user)["views"])
            found = re.search(r'"url": "([^"]+/approve/[^"]+)"', shown)
            return found and found.group(1)
        link = wait_until("the link in the dialog", look, 10)
        self.dev.workspace.control("close_view", {"user": user})
        return link

    def pending(self, request):
        now = self.dev.api.show(request["id"])
        assert now["state"] == "pending" and not now["votes"], now


def check_pages(page, request):
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy and "unsafe" not in policy, policy
    assert "<script" not in page.body
    assert request["digest"] in page.body and "rm -rf /tmp/&lt;b&gt;x" in page.body, page.body


def approves(world):
    request = world.dev.api.open("signed", parameters={"command": "rm -rf /tmp/<b>x", "lines": "a\nb\nc"})
    link = world.link("amy", request)
    assert link.startswith(world.url + "/approve/") and len(link) < 3000
    browser = Browser()
    page = browser.sign_in(link, "amy")
    assert page.status == 200 and "Approve request #" in page.body, page.body
    check_pages(page, request)
    browser.go(link)
    world.pending(request)  # however often it is looked at
    form = form_of(page)
    assert form["digest"] == request["digest"]
    for broken, origin in (({}, None), ({}, "null"), ({}, "https://evil.example"), ({"token": "x"}, world.url),
                           ({"digest": "sha256:" + "0" * 64}, world.url), ({"token": ""}, world.url)):
        refused = browser.once(link, {**form, **broken}, origin)
        assert refused.status == 403, (broken, origin, refused.body)
        world.pending(request)
    stranger = Browser().once(link, form, world.url)
    assert stranger.status == 403
    world.pending(request)
    done = browser.once(link, form, world.url)
    assert done.status == 200 and "recorded" in done.body, done.body
    now = world.dev.api.reaches(request["id"], "approved")
    vote = now["votes"][0]
    assert vote["person"] == "amy" and vote["via"] == "slack", vote
    sign_in = vote["sign_in"]
    assert sign_in["account"] == f"oidc:{world.issuer}|amy" and sign_in["acr"] == "phr", sign_in
    assert sorted(sign_in["amr"]) == ["otp", "pwd"], sign_in
    # The link is used: the same form once more is the same vote, and a new sign-in leads to how it stands.
    assert browser.once(link, form, world.url).status == 403
    again = Browser().sign_in(link, "amy")
    assert again.status == 403 and "pprove" in again.body, again.body
    assert len(world.dev.api.show(request["id"])["votes"]) == 1
    decision = world.dev.api.call("GET", f"/v1/requests/{request['id']}/decision").json
    assert decision, "the statement of a signed-in decision is made"


def refuses_others(world):
    request = world.dev.api.open("signed", parameters={"command": "a secret plan"})
    link = world.link("amy", request)
    for login, acr, amr, words in (("ben", "phr", "pwd otp", "does not list that account"),
                                   ("mallory", "phr", "pwd otp", "does not list that account"),
                                   ("amy", "1", "pwd otp", "asks for the level"),
                                   ("amy", "phr", "pwd", "among the methods")):
        page = Browser().sign_in(link, login, acr, amr)
        assert page.status == 403 and words in page.body, (login, page.status, page.body)
        assert "a secret plan" not in page.body and "<form" not in page.body
        world.pending(request)
    # Nor with a session for another link, or the form of another request.
    other = world.dev.api.open("signed", parameters={"command": "harmless"})
    browser = Browser()
    theirs = browser.sign_in(world.link("amy", other), "amy")
    assert browser.once(link, form_of(theirs), world.url).status == 403
    world.pending(request)
    # Who presses Approve without a right to is given no link.
    told = world.dev.api.open("signed", on_behalf_of=["riley"])
    world.dev.workspace.click_on("riley", world.dev.workspace.card(told["id"]), "approve")
    views = wait_until("the refusal", lambda: world.dev.workspace.control("views", user="U0RILEY")["views"], 10)
    assert "/approve/" not in json.dumps(views), views
    # cat has no account at the provider.
    page = Browser().sign_in(world.link("cat", request), "cat")
    assert page.status == 403 and "does not list that account" in page.body, page.body
    world.pending(request)


def keeps_journeys_apart(world):
    request = world.dev.api.open("signed")
    link = world.link("amy", request)
    # Somebody's finished sign-in, put into another browser.
    away = Browser()
    back = away.sign_in(link, "amy", until="/sign-in/callback").headers["Location"]
    assert "code=" in back and "state=" in back
    victim = Browser()
    assert victim.once(back).status == 400 and "not begun in this browser" in victim.once(back).body
    victim.go(link)
    assert victim.once(back).status == 400, "another journey of the same link"
    assert away.once(back).status == 303
    assert away.once(back).status == 400, "a code is used once"
    refused = Browser()
    page = refused.sign_in(link, "")
    assert page.status == 403 and "access_denied" in page.body, page.body
    for wrong in (link[:-1], link + "x", world.url + "/approve/x.y", link.replace("/approve/", "/approve/A")):
        assert Browser().once(wrong).status == 404, wrong
    assert Browser().once(world.url + "/sign-in/callback").status == 400
    assert Browser().once(world.url + "/sign-in/callback?code=a&state=").status == 400
    world.pending(request)


def asks_for_words(world):
    request = world.dev.api.open("named", resource="orders/users")
    link = world.link("ben", request)
    browser = Browser()
    form = form_of(browser.sign_in(link, "ben"))
    for words in ({}, {"reason": "checked"}, {"reason": "checked", "resource": "orders"}, {"resource": "orders/users"}):
        page = browser.once(link, {**form, **words}, world.url)
        assert page.status == 422 and "role=\"alert\"" in page.body, (words, page.status, page.body)
        world.pending(request)
    done = browser.once(link, {**form, "reason": "checked\r\nit", "resource": "orders/users"}, world.url)
    assert done.status == 200, done.body
    vote = world.dev.api.reaches(request["id"], "approved")["votes"][0]
    assert vote["reason"] == "checked\nit" and vote["sign_in"]["account"].endswith("|ben"), vote


def counts_no_token(world):
    token = world.dev.make_token("--scope", "vote", "--owner", "amy")
    listed = world.dev.verb("token", "list", "--json")
    ident = [each["id"] for each in json.loads("\n".join(listed.out)) if each["scopes"] == ["vote"]][0]
    world.dev.confirm_token("amy", ident)
    request = world.dev.api.open("signed")
    vote = world.dev.api.call("POST", f"/v1/requests/{request['id']}/votes",
                              {"verdict": "approve", "digest": request["digest"]}, {"Authorization": f"Bearer {token}"})
    assert vote.status == 403 and vote.json["code"] == "step_up_required", vote.body
    world.pending(request)


def form_step(browser, page, more):
    """Sends the page's form with what it holds, as a browser would."""
    action = html.unescape(re.search(r'<form[^>]*action="([^"]+)"', page.body).group(1))
    fields = {}
    for tag in re.findall(r"<input[^>]*>", page.body):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            fields[html.unescape(name.group(1))] = html.unescape(value.group(1)) if value else ""
    fields.update({name: value for name, value in more.items() if name in fields})
    return browser.go(urllib.parse.urljoin(browser.url, action), fields)


def sign_in_for_terminal(where, login):
    browser = Browser()
    page = browser.go(where)
    for _ in range(6):
        if "<form" not in page.body:
            break
        page = form_step(browser, page, {"login": login, "acr": "phr", "amr": "pwd"})
    return page


def log_in(world, login, home):
    """`countersign login`, and somebody at the provider; how it ended."""
    program = Program(["login", world.url], {"COUNTERSIGN_HOME": home})
    where = program.line(r"^\s+(http\S+)$").group(1)
    code = program.line(r"shows the code (\S+)").group(1)
    assert code in where, (code, where)
    sign_in_for_terminal(where, login)
    return program, program.wait()


def logs_in(world):
    folder = TempFolder()
    try:
        program, ended = log_in(world, "riley", folder.path)
        assert ended == 0, program.text()
        assert "You are riley" in program.text(), program.text()
        kept = [each for each in pathlib.Path(folder.path, "logins").iterdir() if each.suffix == ".json"]
        assert len(kept) == 1 and kept[0].stat().st_mode & 0o777 == 0o600, kept
        here = {"COUNTERSIGN_HOME": folder.path}  # neither a URL nor a token is given

        def verb(*arguments):
            ran = Program(list(arguments), here)
            ran.code = ran.wait()
            return ran
        asked = verb("request", "--action", "signed", "--json")
        assert asked.code == 0, asked.text()
        request = json.loads("\n".join(asked.out))
        assert request["requester"]["people"] == ["riley"] and request["requester"]["kind"] == "person", request
        assert verb("show", request["id"]).code == 0
        # Whoever asked by it cannot approve, by no account of theirs; and the token casts no vote.
        world.dev.workspace.click_on("riley", world.dev.workspace.card(request["id"]), "approve")
        token = json.loads(kept[0].read_text())["token"]
        vote = world.dev.api.call("POST", f"/v1/requests/{request['id']}/votes",
                                  {"verdict": "approve", "digest": request["digest"]},
                                  {"Authorization": f"Bearer {token}"})
        assert vote.status == 403, vote.body
        world.pending(request)
        assert verb("logout").code == 0
        assert not kept[0].exists()
        held = {"Authorization": f"Bearer {token}"}
        wait_until("the token to end", lambda: world.dev.api.call(
            "GET", f"/v1/requests/{request['id']}", headers=held).status == 401, 70, 0.5)
        assert verb("logout").code == 0, "twice is fine"
        program, ended = log_in(world, "mallory", folder.path)
        assert ended == 2 and "lists nobody with that account" in program.text(), program.text()
        # The token of a pipeline is not ended that way.
        assert world.dev.api.call("DELETE", "/v1/logins/token").status == 403
        assert world.dev.api.call("POST", "/v1/logins/token", {"login": "x.y"}).status == 400
    finally:
        folder.remove()


def in_a_browser(world, pictures):
    driver = HERE.parent / "browser"
    if subprocess.run([str(driver / "driver.sh")]).returncode != 0:
        return print("skipped in_a_browser: npm cannot provide the driver")
    pathlib.Path(pictures).mkdir(parents=True, exist_ok=True)
    for browser in ("chromium", "firefox"):
        request = world.dev.api.open("signed", parameters={"command": "rm -rf /tmp/<b>x", "plan": "one\ntwo\nthree"})
        drove = subprocess.run(["node", "oidc.mjs", world.link("amy", request), pictures, browser], cwd=driver).returncode
        if drove == 77:
            continue
        assert drove == 0, drove
        vote = world.dev.api.reaches(request["id"], "approved")["votes"][0]
        assert vote["sign_in"]["acr"] == "phr", vote
        print(f"ok in_a_browser ({browser})", flush=True)
    return None


def main():
    installed = subprocess.run([str(HERE / "install.sh")])
    if installed.returncode != 0:
        return installed.returncode
    provider = subprocess.Popen(["node", "oidc_provider.mjs"], cwd=HERE, stdout=subprocess.PIPE, text=True,
                                stderr=subprocess.DEVNULL)
    folder = TempFolder()
    dev = None
    try:
        issuer = provider.stdout.readline().strip()
        assert issuer, "the provider did not start"
        dev = Parts(folder.path, folder.write("policy.yaml", POLICY.replace("ISSUER", issuer)),
                    {"COUNTERSIGN_IDENTITY_LOGIN_ISSUER": issuer, "COUNTERSIGN_IDENTITY_LOGIN_CLIENT_ID": "countersign",
                     "COUNTERSIGN_IDENTITY_LOGIN_CLIENT_SECRET": SECRET})
        dev.start()
        world = World(dev, issuer)
        for part in (approves, refuses_others, keeps_journeys_apart, asks_for_words, counts_no_token, logs_in):
            part(world)
            print(f"ok {part.__name__}", flush=True)
        in_a_browser(world, sys.argv[1] if len(sys.argv) > 1 else folder.path)
        return 0
    finally:
        if dev:
            dev.stop()
        provider.terminate()
        folder.remove()


if __name__ == "__main__":
    sys.exit(main())
