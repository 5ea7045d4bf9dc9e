"""What is given to operators beside the program: alerts, a dashboard and pages, held against a server that runs."""
import json
import re
import shutil
import subprocess
import unittest

import yaml

from process import ROOT, Parts, http

ALERTS = ROOT / "manifests" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "manifests" / "grafana" / "countersign.json"
PAGE = ROOT / "docs" / "alerts.md"
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def rules():
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions_of_the_dashboard():
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def selectors(expression):
    """(metric, {label: (operator, text)}) of each selector in an expression."""
    for name, inside in re.findall(r"\b(countersign_\w+)(?:\{([^}]*)\})?", expression):
        yield name, {label: (how, text) for label, how, text in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', inside)}


class Told:
    """What /metrics tells: the labels and values of each metric, and which are histograms."""

    def __init__(self, text):
        self.labels, self.kinds = {}, dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        for name, inside in re.findall(r"^(countersign_\w+)(?:\{(.*)\})? \S+$", text, re.M):
            labels = self.labels.setdefault(name, {})
            for label, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', inside):
                labels.setdefault(label, set()).add(value)

    def complaints(self, expression):
        for name, wanted in selectors(expression):
            if name not in self.labels:
                yield f"no metric {name}"
                continue
            for label, (how, text) in wanted.items():
                if label == "instance" or text == "5..":  # Prometheus' own, and answers that a well server does not give
                    continue
                values = self.labels[name].get(label)
                if values is None:
                    yield f"{name} has no label {label}"
                elif how == "=" and text not in values:
                    yield f"{name} has no {label}={text!r}, but {sorted(values)}"
                elif how == "=~" and not any(re.fullmatch(text, value) for value in values):
                    yield f"{name} has no {label}=~{text!r}, but {sorted(values)}"


class WhatIsTold(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Parts.of(cls).start()
        request = cls.parts.api.open()
        cls.parts.workspace.card(request["id"])
        cls.parts.workspace.approve("riley", request["id"])  # their own: refused
        cls.parts.workspace.told("riley", "You are behind this request")
        cls.parts.workspace.approve("amy", request["id"])
        cls.parts.api.reaches(request["id"], "approved")
        cls.parts.api.call("GET", "/v1/requests", headers={"Authorization": "Bearer csk_wrong"})
        cls.told = Told(http("GET", cls.parts.url + "/metrics").body)

    def test_EveryAlertRestsOnMetricsThatTheServerHas(self):
        for rule in rules():
            self.assertEqual(list(self.told.complaints(rule["expr"])), [], rule["alert"])

    def test_EveryPanelShowsMetricsThatTheServerHas(self):
        for title, expression in expressions_of_the_dashboard():
            self.assertEqual(list(self.told.complaints(expression)), [], title)

    def test_EveryMetricIsOnTheDashboard(self):
        shown = {SUFFIX.sub("", name) for _, each in expressions_of_the_dashboard() for name, _ in selectors(each)}
        self.assertEqual(shown, {name for name in self.told.kinds if name.startswith("countersign_")})

    def test_EveryMetricIsDocumented(self):
        page = (ROOT / "docs" / "configuration.md").read_text()
        for name in self.told.kinds:
            self.assertIn(name, page)

    def test_AComparisonFindsWhatIsNotThere(self):
        self.assertTrue(list(self.told.complaints("rate(countersign_nothing[5m])")))
        self.assertTrue(list(self.told.complaints('countersign_part_ready{part="nothing"}')))
        self.assertTrue(list(self.told.complaints('countersign_part_ready{nothing="slack"}')))
        self.assertEqual(list(self.told.complaints('countersign_part_ready{part="slack"}')), [])

    def test_EveryPartOfReadyzHasAMeasure(self):
        self.assertEqual(self.told.labels["countersign_part_ready"]["part"],
                         {"database", "schema", "server", "published log", "cards", "durability", "slack", "slack notes", "on call",
                          "sign-in"})


class Alerts(unittest.TestCase):
    def promtool(self, *words):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not there: apt-get install prometheus")
        done = subprocess.run(["promtool", *words], cwd=ALERTS.parent, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_PrometheusTakesThem(self):
        self.promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS.name)

    def test_EachFiresAndRestsAsItsTestsSay(self):
        self.promtool("test", "rules", "alerts.test.yaml")

    def test_EachIsTestedBothWays(self):
        fires, rests = set(), set()
        for test in yaml.safe_load((ALERTS.parent / "alerts.test.yaml").read_text())["tests"]:
            for case in test["alert_rule_test"]:
                (fires if case["exp_alerts"] else rests).add(case["alertname"])
        names = {rule["alert"] for rule in rules()}
        self.assertEqual((fires, rests), (names, names))

    def test_EachHasASectionThatItsRunbookLeadsTo(self):
        sections = re.findall(r"^## (\w+)$", PAGE.read_text(), re.M)
        self.assertEqual(sections, [rule["alert"] for rule in rules()])
        for rule in rules():
            self.assertEqual(rule["annotations"]["runbook"], f"docs/alerts.md#{rule['alert'].lower()}")
            self.assertIn(rule["labels"]["severity"], ("page", "ticket", "info"))


class Dashboard(unittest.TestCase):
    def test_PanelsHaveIdsOfTheirOwnAndLieBesideOneAnother(self):
        panels = json.loads(DASHBOARD.read_text())["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertLessEqual(at["x"] + at["w"], 24)
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells


if __name__ == "__main__":
    unittest.main()
