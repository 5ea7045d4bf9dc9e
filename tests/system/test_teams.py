"""One request in Slack and Teams: the real server, PostgreSQL and the workspace's two chats."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import threading
import unittest
import urllib.parse
import zipfile
import zlib

from process import ROOT, Api, Dev, Parts, Program, TempFolder, wait_until
from process import http as call

CHANNEL = "19:approvals@thread.tacv2"
TENANT = "00000000-0000-4000-8000-00000000051a"
APP = "00000000-0000-4000-8000-000000000b07"
CODE = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\b")
POLICY = """
version: 1
people:
  amy: { slack: U0AMY, teams: 00000000-0000-4000-8000-0000000000a1 }
  ben: { slack: U0BEN, teams: 00000000-0000-4000-8000-0000000000b2 }
groups:
  reviewers: { people: [amy, ben] }
  everybody: { teams_team: "19:harbor@thread.tacv2" }
rules:
  - name: one
    when: { action: "one.*" }
    require: { count: 1, of: reviewers }
  - name: team
    when: { action: "team.*" }
    require: { count: 1, of: everybody }
  - name: two
    when: { action: "two.*" }
    require: { count: 2, of: reviewers }
"""


class Teams:
    """The workspace's Teams, as its people use it."""

    def __init__(self, workspace):
        self.workspace = workspace

    def order(self, name, /, **what):
        return self.workspace.control(f"teams/{name}", what)

    def settings(self, password):
        """What a server is told of this tenant."""
        return {
            "COUNTERSIGN_TEAMS_APP_ID": APP,
            "COUNTERSIGN_TEAMS_APP_PASSWORD": password,
            "COUNTERSIGN_TEAMS_TENANT": TENANT,
            "COUNTERSIGN_TEAMS_OPENID_METADATA_URL":
                self.workspace.url + "/teams/v1/.well-known/openidconfiguration",
            "COUNTERSIGN_TEAMS_LOGIN_URL": self.workspace.url + "/teams/login",
            "COUNTERSIGN_TEAMS_SERVICE_URL_ALLOW": self.workspace.url + "/teams/connector/",
            "COUNTERSIGN_TEAMS_CHANNEL": CHANNEL,
        }

    def activity(self, who, conversation, message, kind="invoke"):
        """An activity of theirs on this message of a channel, as Teams sends it; an invoke is a card's."""
        user = next(one for one in self.workspace.control("teams/state")["users"] if one["login"] == who)
        made = {"type": kind, "channelId": "msteams",
                "serviceUrl": self.workspace.url + "/teams/connector/",
                "from": {"id": user["id"], "name": user["name"], "aadObjectId": user["aadObjectId"]},
                "recipient": {"id": "28:" + APP},
                "conversation": {"id": conversation, "conversationType": "channel", "tenantId": TENANT, "isGroup": True},
                "channelData": {"tenant": {"id": TENANT}}, "replyToId": message}
        return {**made, "name": "adaptiveCard/action"} if kind == "invoke" else made

    def messages(self, conversation=CHANNEL):
        return self.workspace.control("teams/messages", conversation=conversation)["messages"]

    def card(self, request, seconds=20.0):
        """The message that shows this request, once it is posted."""
        def look():
            # Its buttons carry the id, which ends with them; its last line says the number.
            last_line = json.dumps(f"#{request['number']} \u00b7")[:-1]
            for message in self.messages():
                shown = json.dumps(message["activity"])
                if message["id"] == message["root"] and (request["id"] in shown or last_line in shown):
                    return message
            return None
        return wait_until(f"a card in Teams for {request['id']}", look, seconds)

    def press(self, who, request, title, reason=""):
        return self.order("press", user=who, message=self.card(request)["id"], title=title, reason=reason)

    def shows(self, request, pattern):
        wait_until(f"the card in Teams showing {pattern!r}",
                   lambda: re.search(pattern, json.dumps(self.card(request)["activity"])))

    def told(self, who, pattern):
        def look():
            for message in reversed(self.messages(f"a:1{who}")):
                found = re.search(pattern, json.dumps(message["activity"]))
                if message["from"] == "bot" and found:
                    return message
            return None
        return wait_until(f"{who} being told {pattern!r} in Teams: {self.messages(f'a:1{who}')}", look)

    def say(self, who, text):
        return self.order("say", user=who, text=text)


class InDev(unittest.TestCase):
    """`countersign dev` has both chats, with the sample policy."""

    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.dev = Dev(cls.folder.path)
        cls.addClassCleanup(cls.dev.stop)
        cls.api, cls.workspace = cls.dev.api, cls.dev.workspace
        cls.teams = Teams(cls.workspace)

    def test_a_request_stands_in_both_chats_and_a_vote_in_teams_shows_in_slack(self):
        request = self.api.open()
        self.workspace.card(request["id"])
        pressed = self.teams.press("amy", request, "Approve")
        self.assertEqual(pressed["status"], 200, pressed)
        shown = self.api.show(request["id"])
        self.assertEqual(shown["state"], "approved")
        self.assertEqual((shown["votes"][0]["person"], shown["votes"][0]["via"]), ("amy", "teams"))
        self.teams.shows(request, "Approved")
        wait_until("Slack's card showing it", lambda: "Approved" in json.dumps(self.workspace.card(request["id"])))
        final = json.dumps(self.teams.card(request)["activity"])
        self.assertNotIn("\"actions\"", final)
        self.assertNotIn("\"refresh\"", final)

    def test_a_vote_in_slack_shows_in_teams(self):
        request = self.api.open()
        self.teams.card(request)
        self.workspace.approve("ben", request["id"])
        self.teams.shows(request, "Approved")

    def test_deny_takes_a_reason_and_ends_it(self):
        request = self.api.open()
        self.assertEqual(self.teams.press("cat", request, "Deny")["error"], "input_required")
        self.assertEqual(self.teams.press("cat", request, "Deny", "not *today*")["status"], 200)
        shown = self.api.show(request["id"])
        self.assertEqual((shown["state"], shown["reason"]), ("denied", "not *today*"))
        self.teams.shows(request, "Denied")

    def test_hold_and_release(self):
        request = self.api.open()
        self.teams.press("amy", request, "Hold", "backup runs")
        self.assertEqual(self.api.show(request["id"])["held"]["person"], "amy")
        self.teams.shows(request, "Release")
        self.teams.press("amy", request, "Release")
        self.assertIsNone(self.api.show(request["id"])["held"])

    def test_the_requester_is_refused_in_teams_too_and_sees_no_approve(self):
        request = self.api.open()  # by a token of riley's Slack account
        pressed = self.teams.press("riley", request, "Approve")
        self.assertEqual(pressed["status"], 200)
        self.assertEqual(self.api.show(request["id"])["state"], "pending")
        self.assertIn("You are behind this request", json.dumps(pressed["body"]))
        self.assertNotIn("\"title\": \"Approve\"", json.dumps(pressed["body"]))

    def test_guests_and_people_of_other_tenants_are_refused(self):
        request = self.api.open()
        for who in ("guest", "stranger"):
            self.assertEqual(self.teams.press(who, request, "Approve")["status"], 200)
        self.assertEqual(self.api.show(request["id"])["votes"], [])

    def test_words_vote_and_list(self):
        request = self.api.open()
        self.teams.say("amy", "list")
        self.teams.told("amy", f"#{request['number']}")
        self.teams.say("amy", f"approve {request['number']}")
        self.teams.told("amy", "Nothing is recorded yet")
        self.assertEqual(self.api.show(request["id"])["votes"], [])

    def test_a_call_without_a_token_is_refused(self):
        for headers in ({}, {"Authorization": "Bearer a.b.c"}):
            answer = call("POST", self.api.url + "/api/messages", {"type": "message"}, headers)
            self.assertEqual(answer.status, 401)
        # Nor is a socket opened; that it may be asked for at all is a setting, which development has on.
        self.assertEqual(call("GET", self.api.url + "/api/messages").status, 401)



class LessInDev(unittest.TestCase):
    """What a policy lets an approver lower, in Teams."""
    POLICY = """
version: 1
people:
  riley: { slack: U0RILEY, teams: 00000000-0000-4000-8000-0000000000e5 }
  amy: { slack: U0AMY, teams: 00000000-0000-4000-8000-0000000000a1 }
groups: { security: { people: [amy] } }
rules:
  - name: exports
    when: { action: db.export }
    require: { count: 1, of: security }
    lower: [parameters.rows]
"""

    @classmethod
    def setUpClass(cls):
        cls.folder = TempFolder()
        cls.addClassCleanup(cls.folder.remove)
        cls.dev = Dev(cls.folder.path, cls.folder.write("policy.yaml", cls.POLICY))
        cls.addClassCleanup(cls.dev.stop)
        cls.api, cls.workspace = cls.dev.api, cls.dev.workspace
        cls.teams = Teams(cls.workspace)

    def test_a_number_is_lowered_on_the_card(self):
        request = self.api.open("db.export", parameters={"rows": 5000})
        card = self.teams.card(request)["id"]
        asked = self.teams.order("press", user="amy", message=card, title="Lower")
        self.assertEqual(asked["status"], 200, asked)
        done = self.teams.order("press", user="amy", message=card, title="Lower", inputs={"number0": "500"})
        self.assertEqual(done["status"], 200, done)
        old = self.api.reaches(request["id"], "cancelled")
        new = self.api.show(old["narrowed_to"]["id"])
        self.assertEqual((new["parameters"], new["state"]), ({"rows": 500}, "approved"))
        self.assertEqual(new["votes"][0]["via"], "teams")


class App(unittest.TestCase):
    """What `countersign teams` makes and prints."""
    environment = {"COUNTERSIGN_TEAMS_APP_ID": APP, "COUNTERSIGN_TEAMS_APP_PASSWORD": "secret-of-the-app",
                   "COUNTERSIGN_PUBLIC_URL": "https://approvals.harbor.example:8443"}

    def setUp(self):
        self.folder = TempFolder()
        self.addCleanup(self.folder.remove)
        self.output = os.path.join(self.folder.path, "app.zip")

    def verb(self, *arguments, **environment):
        program = Program(["teams", *arguments], {**self.environment, **environment})
        program.code = program.wait(30)
        return program

    def test_the_package_is_an_app_of_this_bot(self):
        made = self.verb("package", "--output", self.output)
        self.assertEqual(made.code, 0, made.text())
        with zipfile.ZipFile(self.output) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(sorted(archive.namelist()), ["color.png", "manifest.json", "outline.png"])
            manifest = json.loads(archive.read("manifest.json"))
            icons = {name: archive.read(name) for name in ("color.png", "outline.png")}
        self.assertEqual({manifest["id"], manifest["bots"][0]["botId"], manifest["composeExtensions"][0]["botId"]}, {APP})
        self.assertEqual(manifest["validDomains"], ["approvals.harbor.example"])
        self.assertNotIn("example.com", json.dumps(manifest))
        self.assertIn(manifest["manifestVersion"], manifest["$schema"])
        for name, side in (("color.png", 192), ("outline.png", 32)):
            self.assertEqual(struct.unpack(">II", icons[name][16:24]), (side, side), name)
        # An outline is white wherever it is anything.
        pixels = zlib.decompress(b"".join(chunk for kind, chunk in chunks(icons["outline.png"]) if kind == b"IDAT"))
        rows = [pixels[1 + row * 129:(row + 1) * 129] for row in range(32)]
        self.assertEqual({bytes(row[i:i + 3]) for row in rows for i in range(0, 128, 4)}, {b"\xff\xff\xff"})
        self.assertTrue(any(row[3::4].count(255) for row in rows))
        self.fits_the_schema(manifest)

    def fits_the_schema(self, manifest):
        schema = pathlib.Path(__file__).resolve().parents[3] / "shared/reference/schemas/teams-app.json"
        try:
            import jsonschema
        except ImportError:
            return
        if schema.exists():
            jsonschema.Draft4Validator(json.loads(schema.read_text())).validate(manifest)

    def test_the_commands_are_those_that_the_bot_hears(self):
        manifest = json.loads((ROOT / "manifests" / "teams" / "manifest.json").read_text())
        commands = {one["title"] for group in manifest["bots"][0]["commandLists"] for one in group["commands"]}
        words = (ROOT / "src" / "app" / "conversation.cpp").read_text()
        for command in commands:
            self.assertIn(f'{{"{command}", ', words)

    def test_the_icons_are_what_their_script_draws(self):
        copy = self.folder.write("draw_icons.py", (ROOT / "manifests" / "teams" / "draw_icons.py").read_text())
        subprocess.run([sys.executable, copy], check=True, timeout=60)
        for name in ("color.png", "outline.png"):
            drawn = pathlib.Path(self.folder.path, name).read_bytes()
            kept = (ROOT / "manifests" / "teams" / name).read_bytes()
            self.assertEqual(*([zlib.decompress(b"".join(c for k, c in chunks(png) if k == b"IDAT"))
                                for png in (drawn, kept)]), name)

    def test_setup_prints_the_address_and_no_secret(self):
        printed = self.verb("setup")
        self.assertEqual(printed.code, 0)
        self.assertIn("https://approvals.harbor.example:8443/api/messages", printed.text())
        self.assertIn("@microsoft/teams.cli app create", printed.text())
        self.assertNotIn("secret-of-the-app", printed.text())

    def test_what_is_missing_is_named(self):
        refused = self.verb("package", COUNTERSIGN_PUBLIC_URL="http://approvals.harbor.example")
        self.assertNotEqual(refused.code, 0)
        self.assertIn("must be https", refused.text())
        refused = self.verb("package", COUNTERSIGN_TEAMS_APP_ID="", COUNTERSIGN_TEAMS_APP_PASSWORD="")
        self.assertNotEqual(refused.code, 0)
        self.assertIn("teams.app_id", refused.text())


def chunks(png):
    at = 8
    while at < len(png):
        length = struct.unpack(">I", png[at:at + 4])[0]
        yield png[at + 4:at + 8], png[at + 8:at + 8 + length]
        at += 12 + length


class Apart(unittest.TestCase):
    """The server with both chats as processes of their own, so that it can be killed and set up wrongly."""

    def setUp(self):
        Parts.of(self, POLICY).prepare()
        self.workspace = self.parts.workspace
        self.teams = Teams(self.workspace)
        self.parts.environment.update(self.teams.settings(self.parts.teams_password))

    def start(self, owner="slack:T0SIM/U0RILEY"):
        token = self.parts.make_token(*(["--owner", owner] if owner else []))
        self.parts.start_server()
        self.api = Api(self.parts.url, token)
        self.teams.order("bot", messages_url=self.parts.url + "/api/messages")

    def test_a_link_made_in_teams_excludes_the_requester_there(self):
        self.start()
        request = self.api.open("team.x")
        self.teams.say("riley", "link")
        code = CODE.search(json.dumps(self.teams.told("riley", CODE.pattern)["activity"])).group(0)
        self.workspace.command("riley", f"link {code}")
        asked = self.teams.told("riley", "Yes, both are mine")
        self.teams.order("press", user="riley", message=asked["id"], title="Yes, both are mine")
        self.workspace.told("riley", "Yes, both are mine")
        question = self.workspace.ephemerals("riley")[-1]
        self.workspace.control("click", {"user": "U0RILEY", "channel": "approvals", "ts": question["ts"],
                                         "action_id": "link_agree"})
        self.teams.told("riley", "count as one person")
        self.teams.press("riley", request, "Approve")
        self.assertEqual(self.api.show(request["id"])["state"], "pending")
        # Linked, riley has an account in this tenant: amy is demonstrably somebody else.
        second = self.api.open("one.x")
        self.teams.press("amy", second, "Approve")
        self.api.reaches(second["id"], "approved")

    def test_a_link_made_in_slack_is_agreed_to_in_teams(self):
        self.start()
        # One connected chat is enough to be ready: Slack may follow a moment later.
        code = wait_until("a code", lambda: CODE.search(json.dumps(self.workspace.command("riley", "link")))).group(0)
        self.teams.say("riley", f"link {code}")
        asked = self.teams.told("riley", "Yes, both are mine")
        self.teams.order("press", user="riley", message=asked["id"], title="Yes, both are mine")

        def question():
            said = self.workspace.control("messages", channel="U0RILEY")["messages"]
            return next((m for m in said if "link_agree" in json.dumps(m.get("blocks", []))), None)
        asker = wait_until("the asker being asked in Slack", question)
        self.workspace.control("click", {"user": "U0RILEY", "channel": "U0RILEY", "ts": asker["ts"],
                                         "action_id": "link_agree"})
        self.teams.told("riley", "count as one person")

    def test_an_answered_vote_survives_a_kill_and_no_card_stays_stale(self):
        self.start(owner=None)
        request = self.api.open("one.x")
        self.teams.card(request)
        self.teams.order("faults", method="PUT", times=50, status=503)
        self.assertEqual(self.teams.press("amy", request, "Approve")["status"], 200)
        self.parts.server.kill()
        self.teams.order("faults", clear=True)
        self.parts.start_server()
        self.assertEqual(self.api.show(request["id"])["state"], "approved")
        self.teams.shows(request, "Approved")

    def test_a_repeated_invoke_counts_once_across_a_restart(self):
        self.start(owner=None)
        request = self.api.open("two.x")
        pressed = self.teams.press("amy", request, "Approve")
        self.parts.server.kill()
        self.parts.start_server()
        for again in ("same", "f:other"):
            activity = dict(pressed["activity"])
            if again != "same":
                activity["id"] = again
            self.assertEqual(self.teams.order("send", activity=activity)["status"], 200)
        shown = self.api.show(request["id"])
        self.assertEqual((len(shown["votes"]), shown["version"], shown["state"]), (1, 2, "pending"))

    def test_members_of_a_team_are_a_group(self):
        self.start()
        request = self.api.open("team.x")
        self.teams.card(request)
        # dan is in the team, and listed nowhere else. Riley, for whom it is, has no account in this tenant.
        pressed = self.teams.press("dan", request, "Approve")
        self.assertIn("Nothing shows that you are not", json.dumps(pressed["body"]))
        robot = Api(self.parts.url, self.parts.make_token())
        other = robot.open("team.x")
        self.teams.press("guest", other, "Approve")
        self.assertEqual(robot.show(other["id"])["state"], "pending")
        self.teams.press("dan", other, "Approve")
        self.assertEqual(robot.show(other["id"])["state"], "approved")

    def test_a_wrong_password_is_named_and_slack_serves_on(self):
        self.parts.environment["COUNTERSIGN_TEAMS_APP_PASSWORD"] = "wrong-secret"
        self.start()
        def warned():
            body = call("GET", self.parts.url + "/readyz").json
            return body if "teams.app_password" in json.dumps(body.get("warnings", "")) else None
        ready = wait_until("a warning of the password", warned)
        self.assertEqual(call("GET", self.parts.url + "/api/messages").status, 405)
        self.assertEqual(ready["status"], "ready")
        self.assertNotIn("wrong-secret", json.dumps(ready) + self.parts.server.text())
        request = self.api.open("one.x")
        self.workspace.approve("amy", request["id"])
        self.api.reaches(request["id"], "approved")

    def test_a_certificate_proves_the_bot_and_its_key_signs(self):
        key, certificate = (os.path.join(self.folder.path, name) for name in ("bot.key", "bot.crt"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-subj", "/CN=bot", "-days", "2"], check=True, capture_output=True, timeout=60)
        asked = []

        class Login(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked.append((self.path, urllib.parse.parse_qs(body)))
                answer = json.dumps({"access_token": "t", "expires_in": 3599, "token_type": "Bearer"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass
        login = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Login)
        threading.Thread(target=login.serve_forever, daemon=True).start()
        self.addCleanup(login.shutdown)
        address = f"http://127.0.0.1:{login.server_port}"
        del self.parts.environment["COUNTERSIGN_TEAMS_APP_PASSWORD"]
        self.parts.environment.update({"COUNTERSIGN_TEAMS_LOGIN_URL": address, "COUNTERSIGN_TEAMS_CERTIFICATE": certificate,
                                       "COUNTERSIGN_TEAMS_CERTIFICATE_KEY": key})
        self.parts.start_server()
        path, form = wait_until("the bot asking for a token", lambda: asked and asked[0])
        self.assertNotIn("client_secret", form)
        assertion = form["client_assertion"][0]
        header, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in assertion.split("."))
        header, claims = json.loads(header), json.loads(claims)
        self.assertEqual((header["alg"], claims["iss"], claims["sub"]), ("PS256", APP, APP))
        self.assertEqual(claims["aud"], address + path)
        self.assertEqual(claims["exp"] - claims["nbf"], 300)
        der = subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "DER"], check=True, capture_output=True).stdout
        digest = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
        self.assertEqual(header["x5t#S256"], digest)
        public = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True,
                                capture_output=True, text=True).stdout
        files = [self.folder.write("public.pem", public), self.folder.write("signed", assertion.rpartition(".")[0])]
        pathlib.Path(self.folder.path, "signature").write_bytes(signature)
        subprocess.run(["openssl", "dgst", "-sha256", "-verify", files[0], "-signature",
                        os.path.join(self.folder.path, "signature"), "-sigopt", "rsa_padding_mode:pss",
                        "-sigopt", "rsa_pss_saltlen:digest", files[1]], check=True, capture_output=True)

    def test_a_managed_identity_gives_the_token_and_the_bot_keeps_no_secret(self):
        asked = []

        class Machine(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, dict(self.headers)))
                refused = len(asked) == 1
                answer = json.dumps({"error": "temporarily_unavailable"} if refused else
                                    {"access_token": "by-the-machine", "expires_in": "86399", "token_type": "Bearer"})
                self.send_response(503 if refused else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_):
                pass
        machine = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Machine)
        threading.Thread(target=machine.serve_forever, daemon=True).start()
        self.addCleanup(machine.shutdown)
        del self.parts.environment["COUNTERSIGN_TEAMS_APP_PASSWORD"]
        self.parts.environment["COUNTERSIGN_TEAMS_MANAGED_IDENTITY_URL"] = f"http://127.0.0.1:{machine.server_port}/token"
        for header, version in (("", "2018-02-01"), ("of-app-service", "2019-08-01")):
            asked.clear()
            self.parts.environment["COUNTERSIGN_TEAMS_MANAGED_IDENTITY_HEADER"] = header
            self.parts.start_server()
            path, headers = wait_until("the bot asking once more", lambda: len(asked) > 1 and asked[1])
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
            self.assertEqual(query, {"api-version": [version], "resource": ["https://api.botframework.com"], "client_id": [APP]})
            self.assertEqual((headers.get("Metadata"), headers.get("X-IDENTITY-HEADER")),
                             (None, header) if header else ("true", None))
            wait_until("the bot having it", lambda: "has its token" in self.parts.server.text())
            self.assertNotIn("by-the-machine", self.parts.server.text())
            self.parts.server.stop()

    def test_settings_that_are_not_fit_are_named(self):
        for name, value, said in (
                ("SERVICE_URL_ALLOW", "http://smba.example/", "must be https"),
                ("LOGIN_URL", "ftp://login.example", "is no address"),
                ("OPENID_METADATA_URL", "http://10.0.0.1/x", "must be https")):
            environment = {**self.parts.environment, f"COUNTERSIGN_TEAMS_{name}": value,
                           "COUNTERSIGN_LISTEN": "127.0.0.1:0"}
            program = Program(["serve"], environment)
            self.assertNotEqual(program.wait(30), 0, name)
            self.assertRegex(program.text(), f"teams.{name.lower()}.*{said}")


if __name__ == "__main__":
    unittest.main()
