#!/usr/bin/env python3
"""Does what scripts/demo does once the binary is there. `--auto` needs no person."""
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "support"))
from process import Dev, Program, TempFolder, binary  # noqa: E402

RUN = ["run", "--action", "db.export", "--resource", "postgres://orders/users", "--environment", "production",
       "--intent", "Monthly churn analysis", "--param", "rows=120000", "--param", "destination=s3://exports/churn",
       "--", "sh", "-c", "echo exported"]


def say(text=""):
    print(text, flush=True)


class Demo:
    def __init__(self, dev):
        self.dev = dev
        self.failed = []

    def expect(self, what, fine):
        say(f"  {'ok  ' if fine else 'FAIL'}  {what}")
        if not fine:
            self.failed.append(what)

    def file(self, arguments):
        run = self.dev.client.start(*arguments)
        request_id = run.line(r"filed .*\((req_\w+)\)").group(1)
        return run, request_id

    def approved(self):
        workspace, api = self.dev.workspace, self.dev.api
        channel = "#approvals"
        say("A wrapped command asks: 2 of security (amy, ben) and 1 of dba (cat) must approve.")
        run, request_id = self.file(RUN)
        say(f"  {request_id} is waiting; its card is in {channel}")
        clicked = workspace.approve("riley", request_id, channel)
        told = workspace.told("riley", r"(?i)your own|behind|yourself|asked for")
        self.expect("riley, who asked, clicks Approve and is told privately that it cannot count",
                    clicked.get("acked") and bool(told))
        for who in ("amy", "ben", "cat"):
            clicked = workspace.approve(who, request_id, channel)
            self.expect(f"{who} clicks Approve; acknowledged after {clicked.get('ms')} ms", bool(clicked.get("acked")))
        code = run.wait()
        self.expect("the command ran and printed 'exported'", "exported" in run.out and code == 0)
        shown = self.dev.client.run("show", request_id, "--json")
        self.expect("`countersign show` says succeeded", '"state":"succeeded"' in shown.text())
        request = api.show(request_id)
        people = {vote["person"]: vote["counted_for"] for vote in request["votes"]}
        self.expect(f"the database has the three votes and what each counted for: {people}",
                    people == {"amy": "security", "ben": "security", "cat": "dba"})

    def denied(self):
        workspace = self.dev.workspace
        say("A second command is denied.")
        run, request_id = self.file(RUN)
        done = workspace.with_reason("ben", request_id, "deny", "not during the freeze", "#approvals")
        self.expect("ben clicks Deny and gives a reason", bool(done.get("acked")))
        code = run.wait()
        self.expect("the command did not run; exit code 10", code == 10 and "exported" not in run.out)
        self.expect("it says who and why", "denied by ben: not during the freeze" in run.text())

    def refused(self):
        say("A third is refused by policy, and nobody is bothered.")
        run = self.dev.client.run("run", "--action", "db.drop", "--environment", "production", "--", "echo", "dropped")
        self.expect("the command did not run; exit code 11", run.code == 11 and "dropped" not in run.out)


def auto():
    folder = TempFolder()
    dev = None
    try:
        dev = Dev(folder.path)
        say(f"Everything runs: workspace {dev.workspace.url}/, API {dev.api.url}")
        demo = Demo(dev)
        for step in (demo.approved, demo.denied, demo.refused):
            try:
                step()
            except (AssertionError, OSError, subprocess.SubprocessError) as problem:
                demo.expect(f"{step.__name__}: {problem}", False)
        code = dev.stop()
        demo.expect(f"it stops when told to, with exit code {code}", code == 0)
        if demo.failed:
            say(f"\n{len(demo.failed)} of the steps went wrong. The server said:\n" + dev.program.text()[-3000:])
        else:
            say("\nAll as promised.")
        return 1 if demo.failed else 0
    finally:
        if dev is not None and dev.program.running():
            dev.program.kill()
        folder.remove()


def by_hand():
    arguments = ["dev"]
    dev = Program(arguments, {k: v for k, v in os.environ.items() if k.startswith("COUNTERSIGN_")})
    waiting = None
    try:
        workspace = dev.line(r"^workspace\s+(\S+)").group(1)
        api = dev.line(r"^api\s+(\S+)").group(1)
        dev.line(r"^try\s+")
        say("\n".join(dev.out))
        say(f"\nOpen {workspace} , act as amy, ben and cat, and click Approve on the card in #approvals.")
        say("The command below runs once they agree (Ctrl-C ends the demo):\n")
        environment = {**os.environ, "COUNTERSIGN_URL": api}
        waiting = subprocess.Popen([binary(), *RUN], env=environment)
        code = waiting.wait()
        say(f"\nThe wrapped command ended with exit code {code}. The workspace stays up; Ctrl-C ends it.")
        return dev.child.wait()
    except KeyboardInterrupt:
        if waiting is not None:
            waiting.wait(15)
        return 0
    except AssertionError as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        if dev.running():
            dev.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(auto() if "--auto" in sys.argv[1:] else by_hand())
