"""The documents: every link leads somewhere, and docs/index.md leads each reader to all of them."""
import re
import subprocess
import unittest

from process import ROOT

READERS = ["Reviewer", "Requester", "Policy author", "Operator", "Auditor", "Developer"]


def pages():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split()]


def prose(page):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)


def anchors(page):
    """What GitHub makes of headings."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        base = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        name, again = base, 0
        while name in found:
            again += 1
            name = f"{base}-{again}"
        found.add(name)
    return found


def links(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page))):
        if not re.match(r"[a-z]+:", target):
            yield target


def complaints(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        if not aim.exists():
            yield f"{page.relative_to(ROOT)}: {target} is not there"
        elif anchor and aim.suffix == ".md" and anchor not in anchors(aim):
            yield f"{page.relative_to(ROOT)}: {target} has no such heading"


class Links(unittest.TestCase):
    def test_EachLeadsToAFileAndAHeadingThatIsThere(self):
        self.assertEqual([each for page in pages() for each in complaints(page)], [])

    def test_ABrokenOneWouldBeFound(self):
        page = ROOT / "docs" / "broken-for-this-test.md"
        self.addCleanup(page.unlink)
        page.write_text("# One\n[a](nothing.md) [b](#two) [c](#one) [d](index.md#nothing)\n")
        self.assertEqual(len(list(complaints(page))), 3)


def named_tests(page):
    """The tests that a page names: `Suite.Name`, or `tests/system/test_x.py: test_name`."""
    text = page.read_text()
    yield from re.findall(r"`([A-Z]\w+\.[A-Z]\w+)`", text)
    yield from re.findall(r"`(tests/\w+/\w+\.py: \w+)`", text)


def tests_there():
    found = set()
    for source in (ROOT / "tests").glob("*/*.[ch]pp"):
        found |= {f"{suite}.{name}" for suite, name in re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", source.read_text(), re.M)}
    for source in (ROOT / "tests").glob("*/*.py"):
        found |= {f"{source.relative_to(ROOT)}: {name}" for name in re.findall(r"^    def (test_\w+)", source.read_text(), re.M)}
    return found


class ThreatModel(unittest.TestCase):
    page = ROOT / "docs" / "threat-model.md"

    def test_EveryTestThatItNamesIsThere(self):
        named = list(named_tests(self.page))
        self.assertGreater(len(named), 80)
        self.assertEqual(sorted(set(named) - tests_there()), [])

    def test_EveryRowNamesATestThatShowsIt(self):
        rows = [line for line in self.page.read_text().splitlines() if line.startswith("| ") and not line.endswith("| shown by |")]
        self.assertEqual([row for row in rows if "`" not in row.split(" | ")[-1]], [])


class Index(unittest.TestCase):
    def test_ItHasAPathForEachReader(self):
        self.assertEqual(re.findall(r"^## (.+)$", (ROOT / "docs" / "index.md").read_text(), re.M)[:len(READERS)], READERS)

    def test_EveryPageIsOnSomebodysPath(self):
        index = ROOT / "docs" / "index.md"
        led_to = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
        self.assertEqual({page for page in (ROOT / "docs").glob("*.md")} - led_to - {index}, set())


if __name__ == "__main__":
    unittest.main()
