#!/usr/bin/env python3
"""docs/policy.schema.json and the loader judge the same documents alike, so that an editor and the server agree.

Every key of the language appears in one of the documents below. Each value of each document is replaced by values
of every kind, each key is left out, and an unknown one is put in; then JSON Schema and `countersign policy check`
judge the result. Only what takes the whole policy to tell may be an error to the loader alone.
"""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("COUNTERSIGN_BINARY", str(ROOT / "build" / "dev" / "countersign"))
DEBIANS = "/usr/bin/python3"
SKIPPED = 77

try:
    import jsonschema
    import yaml
except ImportError:
    if sys.executable != DEBIANS and os.path.exists(DEBIANS) and "again" not in sys.argv:
        os.execv(DEBIANS, [DEBIANS, __file__, "again"])
    print("skipped: python3-jsonschema and python3-yaml are not installed")
    sys.exit(SKIPPED)

PROBES = [None, True, False, 0, 1, 7, -1, 1.5, 60, "", "x", "30m", "0m", "any", "allow", "a*", [], ["x"], [1], [""], [None],
          {}, {"x": 1}]

# What no schema can tell: whether names exist and are unique, patterns well formed, limits of bytes kept.
LOADER_ALONE = [re.compile(pattern) for pattern in (
    r"there is no (group|person|rule|time zone) `", r"two (people|groups|rules) are called", r"is listed (twice|under)",
    r"is in this group twice", r"is no regular expression", r"is not an address range", r"which it adds up",
    r"combine to more than", r"ask for more than", r"neither a person of (this|the) policy nor an account",
    r"is not supported by this version yet", r"the policy itself lists the people", r"must be one visible line",
    r"`at` is a moment", r"callback", r"no request has", r"is never missing",
    r"there is no (freeze|group or person) `", r"is a group and a person", r"is made of itself", r"a date is written like",
    r"do not go together", r"cannot be compared with another field", r"unknown field", r"is no part of an element",
    r"is not a path like", r"is not about time", r"this field is a number",
    r"`\{` without `\}`", r"stands in an earlier step", r"`exclude` reads parameters", r"must be text, not blank",
    r"is not a host", r"is not a folder", r"would let through who says nothing", r"this field is no list",
    r"is a stretch of time from 1m to 92d", r"names a parameter, like", r"stands in `(by|one_at_a_time)` twice",
    r"a budget of the same within", r"cannot go by requester\.people", r"has no `budget`",
    r"means nothing beside `refuse`", r"does not go with `session`")]

HEAD = {"version": 1, "people": {"amy": {"slack": "U1"}, "ben": {"slack": "U2"}, "x": {"slack": "U3"}},
        "groups": {"g": {"people": ["amy", "ben"]}, "x": {"slack_usergroup": "S1"}}}


def rule(**keys):
    return {"name": "r", **keys}


def rules(*all_of_them, **more):
    return {**HEAD, "rules": list(all_of_them), **more}


ANYTHING = {"eq": "a", "ne": "b", "in": ["a*", 5, None, True], "exists": True, "gt": 1, "gte": 1.5, "lt": 9, "lte": 9,
            "glob": "a*", "regex": "a.*", "starts_with": "a", "ends_with": "z", "cidr": "10.0.0.0/8",
            "size": {"eq": 1, "gt": 0, "gte": 1, "lt": 9, "lte": 9}, "host": ["example.com", "*.example.com"],
            "under": "/project", "every": {"ne": "x"}, "some": {".kind": "a", ".rows[0]": {"gt": 5}, "not": {".x": "b"}}}
TEXTUAL = {"eq": "a", "ne": "b", "in": ["a*", "b"], "exists": False, "glob": "a*", "regex": "a.*", "starts_with": "a",
           "ends_with": "z", "cidr": ["10.0.0.0/8", "::1"], "size": 5, "host": "example.com", "under": ["/a", "s3://b/c"]}
NUMERIC = {"eq": 1, "ne": 2, "in": [1, 2], "exists": True, "gt": 0, "gte": 1, "lt": 9, "lte": 9}

GOOD = {
    "people": {"version": 1, "people": {
        "amy": {"email": ["amy@example.com", "a@example.com"], "slack": "T0SIM/U1", "teams": "8f0c2d4e-0000-4000-8000-1b2c3d4e5f60",
                "github": "amy-dev", "pagerduty": "PUSER01", "oidc": "https://issuer.example|subject",
                "token": "tok_01JD5Z3W9E8R2T6Y4V7X1C0B5N"}, "ben": {}},
        "groups": {"g": {"people": ["amy", "ben"]}, "s": {"slack_usergroup": "T0SIM/S0SEC"},
                   "t": {"teams_team": "tenant/19:team@thread"}, "o": {"on_call": "PABC123"},
                   "p": {"on_call": {"escalation_policy": "PABC123", "level": 2}}, "q": {"on_call": {"schedule": "PX"}}, "c": {"teams_channel": "19:channel@thread.tacv2"}}},
    "shell": {"version": 1, "timezone": "UTC", "default": "allow", "risk": [{"when": {"action": "a"}, "points": 40}],
              "rules": [], "tests": []},
    "default": {**HEAD, "default": {"require": {"count": 2, "of": "g"}}},
    "budgets": rules(rule(allow=True, budget={"count": 20, "per": "1h", "by": ["requester", "resource"]},
                          one_at_a_time=["action", "labels.a"]),
                     rule(name="s", require={"of": "g", "not_last": 2},
                          budget=[{"sum": "parameters.amount", "max": 50000.5, "per": "1d", "by": "requester.people",
                                   "over": {"any": [{"of": "g"}, {"of": "x"}]}}],
                          one_at_a_time={"by": "resource", "supersede": True}),
                     tests=[{"name": "t", "request": {"action": "a"}, "expect": {"state": "refused"},
                             "managers": {"amy": "ben"}, "history": {"spent": ["r"], "ahead": True, "last": {"g": ["amy"]}}}]),
    "times": rules(rule(require={"of": "g"}, expires="1d2h3m4s", grant="10m", timezone="UTC", unlinked="allow",
                        notify={"slack": ["#x", "C1"], "teams": "19:x"})),
    "denial": rules(rule(require={"of": "g"}, deny={"count": 2, "of": "g"}, hold={"release": "g"}),
                    rule(require={"of": "g"}, deny="any", name="s")),
    "reminders": rules(rule(require={"of": "g"}, remind=["10m", "20m"], escalate={"after": "15m", "to": {"slack": "#x"}}),
                       rule(require={"of": "g"}, remind="10m", name="s")),
    "backing off": rules(rule(require={"of": "g"}, remind={"first": "10m"}, delegate=True),
                         rule(require={"of": "g"}, name="s", remind={"first": "10m", "factor": 3}, delegate=False)),
    "reviewed": rules(rule(require={"of": "g"}, self_approval={"allow": ["amy"], "review": {"by": "x", "within": "1d"}})),
    "selves": rules(rule(require={"of": "g"}, self_approval={"allow": ["amy"], "reason": "optional"},
                         hide=["/parameters/password", "/parameters/env/*"])),
    "combined": {**HEAD, "groups": {"g": {"any": ["x", "amy"], "except": ["h"]}, "h": {"all": ["x", "k"]},
                                    "k": {"people": ["ben"]}, "x": {"slack_usergroup": "S1"}}},
    "decided": rules(rule(require={"then": [
        {"of": "{labels.team}", "one_of": ["g", "x"], "not_from": ["requester.groups", "x", "{labels.team}"]},
        {"any": [{"of_requester": {"amy": "ben", "ben": "x"}}, {"count": 2, "of": "x", "not_from": "g"}]}]})),
    "terms": rules(rule(require={"of": "g"}, deny=["any", {"count": 2, "of": "x"}], reason="required",
                        exclude=["parameters.authors[*]", {"github": "labels.author"}],
                        escalate={"after": "5m", "to": {"slack": "#x"}, "approvers": "x"},
                        claim={"not_before": "30m", "not_when": {"freeze": "f", "time.weekday": "sat"}},
                        self_approval={"allow": ["amy", "g"]}), freeze={"f": {"time.hour": {"lt": 6}}}),
    "windows": rules(rule(refuse="no", when={"freeze": ["f", "h"], "time.date": ["2026-12-24"], "all": [
        {"freeze": "f"}, {"time.date": "2026-12-24"}, {"time.of_day": {"from": "22:00", "to": "06:00"}}]}),
        freeze={"f": {"time.date": {"from": "2026-12-20", "to": "2027-01-04"}},
                "h": {"any": [{"time.date": {"from": "12-24", "to": "01-06"}}, {"time.weekday": "sat"}],
                      "not": {"time.hour": {"lt": 6}}}}),
    "exceptions": rules(rule(require={"of": "g"}, when={"action": "a", "environment": {"same_as": "requester.claims.environment"},
                                                        "requester.groups": ["g", "x"]},
                             unless={"parameters.tags": {"contains": ["a", 5]}, "requester.groups": "g", "not": {
                                 "parameters.list": {"some": {".a": {"same_as": ".b"}, ".c": {"contains": "x"}}}}})),
    "direct": rules(rule(require={"of": "g"}, notify="direct"), rule(require={"of": "g"}, name="s", notify={"slack": ["#a", "direct"]})),
    "trees": rules(rule(require={"all": [{"count": 1, "of": "g"}, {"any": [{"of": "g"}, {"all": [{"of": "x"}]}]}]}),
                   rule(refuse="no", name="s"), rule(allow=True, name="t")),
    "anything": rules(rule(refuse="no", when={"parameters.rows": 5, "parameters": {"exists": True},
                                              "parameters.tags[*].x[0]": ANYTHING, "requester.claims.sub[0].x": ["a", 1]})),
    "silence": rules(rule(refuse="no", accept={"omission": "why not"}, when={
        "parameters.rows": {"gt": 5, "missing": "holds"}, "labels.data": {"in": ["a"], "missing": "holds"},
        "parameters.tags": {"every": ["a", 5], "missing": "holds"}, "all": [{"parameters.tags": {"some": "a*"}}]}),
        accept={"unused_group": "for later"}),
    "texts": rules(rule(refuse="no", when={"action": TEXTUAL, "resource": "a*", "environment": ["dev", "test*"], "intent": "x",
                                           "labels.job": "x", "requester.name": "ci-*", "requester.account": "token:tok_1",
                                           "requester.people": "amy", "requester.people[*]": ["amy"]})),
    "numbers": rules(rule(refuse="no", when={"requester.humans": NUMERIC, "risk": {"gte": 60}, "all": [{"risk": [1, 2]}],
                                             "any": [{"risk": 5}, {"not": {"risk": 6}}], "not": {"action": "x"}})),
    "kinds": rules(rule(refuse="no", when={"requester.kind": "person", "all": [
        {"requester.kind": ["workload", "w*"]}, {"requester.kind": {"eq": "person", "ne": "workload", "glob": "p*"}}]})),
    "clocks": rules(rule(refuse="no", when={"time.hour": NUMERIC, "time.weekday": ["mon", "Sunday", 3], "all": [
        {"time.hour": 23}, {"time.weekday": {"gte": "sat", "ne": 7, "eq": "SUN"}}, {"time.hour": {"lt": 24}}]})),
    "tests": rules(rule(require={"of": "x"}), tests=[
        {"name": "t", "groups": {"x": ["amy", "U9"]}, "votes": [
            {"by": "amy", "verdict": "approve", "reason": "fine", "after": "5m", "refused": "too_late"}],
         "request": {"action": "db.export"},
         "expect": {"state": "pending", "rules": ["r"], "missing": [{"count": 1, "of": "x", "could_approve": ["amy"]}],
                    "reason": "a*", "held": False, "risk": 5, "counted": {"amy": "g"}, "expires": "1h", "grant": "15m",
                    "after": "5m"}}]),
    "alternatives": rules(rule(require={"of": "x"}), tests=[
        {"name": "t", "request": {"action": "a"}, "expect": {"held": "amy", "missing": {"any": [[{"group": "x"}], []]}}}]),
    "requests": rules(tests=[
        {"name": "t", "expect": {"state": "refused"}, "request": {
            "action": "db.export", "resource": "orders", "environment": "production", "intent": "why",
            "parameters": {"rows": 5}, "labels": {"job": "x"}, "on_behalf_of": ["amy"],
            "links": [{"title": "t", "url": "https://x.example/"}], "sensitive": ["/parameters/rows"], "expires_in": "30m",
            "requester": {"name": "ci", "kind": "workload", "account": "token:tok_1", "humans": ["amy"],
                          "claims": {"ref": "refs/heads/main"}},
            "at": "2026-01-05T12:00:00Z"}}]),
}
BAD = {
    "no version": {"rules": []},
    "two effects": rules(rule(refuse="no", allow=True)),
    "no effect": rules(rule()),
    "deny without require": rules(rule(refuse="no", deny="any")),
    "two kinds of group": {"version": 1, "groups": {"g": {"slack_usergroup": "S1", "teams_team": "t"}}},
    "order of text": rules(rule(refuse="no", when={"action": {"gt": 1}})),
    "pattern in ne": rules(rule(refuse="no", when={"parameters.x": {"ne": "a*"}})),
    "pattern of a number": rules(rule(refuse="no", when={"requester.humans": {"glob": "1*"}})),
    "claims as a whole": rules(rule(refuse="no", when={"requester.claims": {"exists": True}})),
    "claims as a list": rules(rule(refuse="no", when={"requester.claims[0]": "x"})),
    "path without an end": rules(rule(refuse="no", when={"parameters.a[0": "x"})),
    "path with a hole": rules(rule(refuse="no", when={"parameters..a": "x"})),
    "label without a name": rules(rule(refuse="no", when={"labels.": "x"})),
    "hour of an equality": rules(rule(refuse="no", when={"time.hour": 24})),
    "falling units": rules(rule(refuse="no", expires="30m1h")),
    "confirm of a refusal": rules(rule(refuse="no", confirm="resource")),
    "confirm of something else": rules(rule(require={"of": "g"}, confirm="intent")),
    "readers twice": rules(rule(refuse="no", visible_to=["g", "g"])),
    "no readers": rules(rule(refuse="no", visible_to=[])),
    "step up": rules(rule(require={"of": "g"}, step_up=True)),
    "step up of a refusal": rules(rule(refuse="no", step_up="oidc")),
    "delegate of a refusal": rules(rule(refuse="no", delegate=True)),
    "review of a refusal": rules(rule(refuse="no", review={"by": "g", "within": "1d"})),
    "on call by both": {"version": 1, "groups": {"g": {"on_call": {"schedule": "P1", "escalation_policy": "P2"}}}},
    "level of a schedule": {"version": 1, "groups": {"g": {"on_call": {"schedule": "P1", "level": 2}}}},
    "a table beside a group": rules(rule(require={"of": "g", "of_requester": {"amy": "ben"}})),
    "claim of a refusal": rules(rule(refuse="no", claim={})),
    "two ways to make a group": {"version": 1, "groups": {"g": {"any": ["h"], "all": ["h"]}, "h": {"teams_team": "t"}}},
    "nothing to except from": {"version": 1, "groups": {"g": {"slack_usergroup": "S1", "except": ["h"]}}},
    "night without an end": rules(rule(refuse="no", when={"time.of_day": {"from": "22:00"}})),
    "window of more than time": {"version": 1, "freeze": {"f": {"action": "a"}}},
    "silence in an exception": rules(rule(require={"of": "g"}, unless={"parameters.x": {"eq": 1, "exists": True, "missing": "holds"}})),
    "name with a space": {"version": 1, "people": {"a b": {}}},
}


def places(document, path=()):
    """Every value of a document, by its path."""
    yield path
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in items:
        yield from places(value, path + (key,))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def variants(document):
    shared = {key: HEAD[key] for key in HEAD if document.get(key) == HEAD[key]}
    for path in places(document):
        if path and path[0] in shared:
            continue
        if path:
            for probe in PROBES:
                changed = copy.deepcopy(document)
                at(changed, path[:-1])[path[-1]] = probe
                yield f"{list(path)} = {json.dumps(probe)}", changed
            without = copy.deepcopy(document)
            del at(without, path[:-1])[path[-1]]
            yield f"{list(path)} left out", without
        if isinstance(at(document, path), dict):
            more = copy.deepcopy(document)
            at(more, path)["wrong"] = "x"
            yield f"{list(path)} with an unknown key", more


class Judged:
    def __init__(self, name, document, valid):
        self.name, self.document, self.valid = name, document, valid
        self.errors = []


def judge_by_loader(all_of_them, folder):
    files = {}
    for number, one in enumerate(all_of_them):
        file = os.path.join(folder, f"{number}.yaml")
        pathlib.Path(file).write_text(json.dumps(one.document, ensure_ascii=False), encoding="utf-8")
        files[file] = one
    names = list(files)
    for start in range(0, len(names), 500):
        ran = subprocess.run([BINARY, "policy", "check", "--json", *names[start:start + 500]], capture_output=True,
                             text=True, timeout=300, check=False)
        for finding in json.loads(ran.stdout):
            if finding["severity"] == "error":
                files[finding["file"]].errors.append(f"{finding['line']}:{finding['column']}: {finding['message']}")


def complaints(one):
    shown = json.dumps(one.document, ensure_ascii=False)
    if not one.valid and not one.errors:
        yield f"{one.name}: only the schema refuses it: {shown}"
    if one.valid:
        for error in one.errors:
            if not any(pattern.search(error) for pattern in LOADER_ALONE):
                yield f"{one.name}: only the loader refuses it: {error}: {shown}"


def main():
    schema = json.loads((ROOT / "docs" / "policy.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    failed = []
    judged = []
    for name, document in GOOD.items():
        for problem in validator.iter_errors(document):
            failed.append(f"{name}: the schema refuses what is good: {problem.message[:200]}")
        judged.append(Judged(name, document, True))
        for change, changed in variants(document):
            judged.append(Judged(f"{name}: {change}", changed, validator.is_valid(changed)))
    for name, document in BAD.items():
        if validator.is_valid(document):
            failed.append(f"{name}: the schema accepts what is bad")
        judged.append(Judged(name, document, False))
    with tempfile.TemporaryDirectory(prefix="countersign_schema_") as folder:
        judge_by_loader(judged, folder)
    for one in judged:
        failed.extend(complaints(one))
    for example in sorted((ROOT / "examples" / "policies").rglob("*.yaml")):
        document = yaml.safe_load(example.read_text(encoding="utf-8"))
        failed.extend(f"{example.name}: {problem.message[:200]}" for problem in validator.iter_errors(document))
    for line in failed[:40]:
        print("FAILED", line)
    good = sum(one.valid for one in judged)
    print(f"{len(judged)} documents, {good} of them good to the schema")
    print(f"{0 if failed else 1} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
