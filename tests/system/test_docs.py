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


class Index(unittest.TestCase):
    def test_ItHasAPathForEachReader(self):
        self.assertEqual(re.findall(r"^## (.+)$", (ROOT / "docs" / "index.md").read_text(), re.M)[:len(READERS)], READERS)

    def test_EveryPageIsOnSomebodysPath(self):
        index = ROOT / "docs" / "index.md"
        led_to = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
        self.assertEqual({page for page in (ROOT / "docs").glob("*.md")} - led_to - {index}, set())


if __name__ == "__main__":
    unittest.main()
