"""The documents as a site, as scripts/site makes it, and the commands that the documents tell people to type."""
import html.parser
import functools
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from process import ROOT
from test_docs import pages
from test_pages import help_of

PAGE_BYTES_MAX = 250_000


class Reader(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.tags = set(), [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            if name in ("href", "src"):
                self.links.append(value)


@unittest.skipUnless(shutil.which("cmark-gfm"), "cmark-gfm is not installed")
class Site(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        done = subprocess.run([str(ROOT / "scripts" / "site"), str(cls.folder)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        cls.pages = {path: Reader(path.read_text()) for path in cls.folder.rglob("*.html")}

    def test_EveryLinkLeadsToAPageAndAHeadingThatIsThere(self):
        wrong = []
        for page, read in self.pages.items():
            for link in read.links:
                if re.match(r"[a-z]+:", link):
                    continue
                path, _, anchor = link.partition("#")
                aim = (page.parent / path).resolve() if path else page
                if not aim.is_file():
                    wrong.append(f"{page.relative_to(self.folder)}: {link} is not there")
                elif anchor and aim.suffix == ".html" and anchor not in self.pages[aim].ids:
                    wrong.append(f"{page.relative_to(self.folder)}: {link} has no such heading")
        self.assertEqual(wrong, [])

    def test_EveryDocumentIsAPageOfIt(self):
        made = {path.relative_to(self.folder).with_suffix(".md") for path in self.pages}
        self.assertEqual({page.relative_to(ROOT) for page in (ROOT / "docs").glob("*.md")} - made, set())

    def test_PagesAreSmallAndRunNothing(self):
        for page, read in self.pages.items():
            self.assertLess(page.stat().st_size, PAGE_BYTES_MAX, page)
            self.assertFalse({"script", "iframe", "object", "form"} & read.tags, page)

    def test_TablesAndCodeAreDrawn(self):
        read = self.pages[self.folder / "docs" / "configuration.html"]
        self.assertIn("table", read.tags)
        self.assertIn("pre", read.tags)


HIDDEN = ("sandbox", "postgres")  # verbs that --help leaves out


def commands_of(page):
    """Each command of ours that a page shows, with the line it is on: from blocks for a shell, and within sentences."""
    text = page.read_text()
    for block in re.findall(r"^```(?:sh|shell|bash|console)\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            yield from ours(line.removeprefix("$ "))
    for span in re.findall(r"`(countersign [^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
        yield from ours(span)


def ours(line):
    for found in re.finditer(r"(?:^\s*|[(|;&]\s*|\bsudo |\bexec |=\S* )countersign (?=[a-z])", line):
        lexer = shlex.shlex(line[found.end():], posix=True, punctuation_chars="|&;<>()")
        lexer.wordchars += "~-./*?=:@%+,#…'$[]{}!^\\\""
        lexer.commenters = ""
        words = []
        try:
            for word in lexer:
                if set(word) <= set("|&;<>()") or word.startswith("#"):
                    break
                words.append(word)
        except ValueError:  # a quote that the page does not close
            words = line[found.end():].split()
        yield line.strip(), words


@functools.lru_cache(maxsize=None)
def known(path):
    return help_of(path)


def complaint(words):
    """What is wrong with a command; empty: nothing."""
    path = ()
    verbs, options = known(path)
    verbs = [*verbs, *HIDDEN]
    while words and words[0] in verbs:
        path, words = (*path, words[0]), words[1:]
        verbs, options = known(path)
    if not path:
        return f"there is no verb {words[0]}"
    if verbs and words and re.fullmatch(r"[a-z]+", words[0]):
        return f"{' '.join(path)} has no verb {words[0]}"
    for word in words:
        if word == "--":
            break
        name = word.split("=")[0].rstrip("].,")
        if re.fullmatch(r"--[a-z][a-z-]*", name) and name not in options:
            return f"{' '.join(path)} has no option {name}"
    return ""


class Commands(unittest.TestCase):
    def test_EachHasAVerbAndOptionsThatThereAre(self):
        wrong, seen = [], 0
        for page in pages():
            if page.name in ("CHANGELOG.md",):
                continue
            for line, words in commands_of(page):
                seen += 1
                if found := complaint(words):
                    wrong.append(f"{page.relative_to(ROOT)}: {found}: {line}")
        self.assertEqual(wrong, [])
        self.assertGreater(seen, 80)

    def test_AWrongOneWouldBeFound(self):
        for words in ("approv 9", "serve --chek", "policy chekc x.yaml", "audit verify --quietly"):
            self.assertTrue(complaint(words.split()), words)
        for words in ("serve --check", "run --action a -- rm --force", "policy check --strict x.yaml"):
            self.assertEqual(complaint(words.split()), "")


if __name__ == "__main__":
    unittest.main()
