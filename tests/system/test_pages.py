"""Completions and manual pages, made from the verbs themselves: read by the shells and by man's own reader."""
import functools
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from process import binary


@functools.lru_cache(maxsize=None)
def told(*words):
    return subprocess.run([binary(), *words], capture_output=True, text=True, timeout=30, check=True).stdout


def help_of(path):
    """(verbs, options) that --help of a verb names."""
    text = told(*path, "--help")
    below = text.split("Subcommands:\n")[1] if "Subcommands:\n" in text else ""
    verbs = re.findall(r"^  (\S+)", below, re.M)
    options = re.search(r"^Options:\n((?: .*\n?)*)", text, re.M).group(1)
    names = [name for line in re.findall(r"^  (-\S+)", options, re.M) for name in re.findall(r"--?[a-z][\w-]*", line)]
    return verbs, names


def all_verbs(path=()):
    verbs, options = help_of(path)
    yield path, verbs, options
    for verb in verbs:
        yield from all_verbs((*path, verb))


class Shell:
    """One shell that has read its completions."""

    def __init__(self, name):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix="countersign-")
        self.script = os.path.join(self.folder, "_countersign")
        with open(self.script, "w") as out:
            out.write(told("completion", name))

    def remove(self):
        shutil.rmtree(self.folder)

    def run(self, program):
        words = {"bash": ["bash", "--norc", "-c"], "zsh": ["zsh", "-f", "-c"], "fish": ["fish", "--no-config", "-c"]}
        done = subprocess.run([*words[self.name], program], capture_output=True, text=True, timeout=60, cwd=self.folder,
                              env={**os.environ, "HOME": self.folder, "XDG_CONFIG_HOME": self.folder, "TERM": "dumb"})
        assert done.returncode == 0 and not done.stderr, done.stderr[-3000:]
        return done.stdout

    def offers(self, line):
        """What is offered for the last word of a line."""
        return self.offers_for([line])[0]

    def offers_for(self, lines):
        """The same for several lines, asked of one run of the shell."""
        return getattr(self, f"offers_in_{self.name}")(lines)

    def offers_in_bash(self, lines):
        program = "source _countersign\n"
        for line in lines:
            words = " ".join(f"'{word}'" for word in line.split(" "))
            program += (f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=(); _countersign\n"
                        "printf '%s\\n' \"${COMPREPLY[@]}\" @@@@\n")
        return [part.split() for part in self.run(program).split("@@@@\n")[:-1]]

    def offers_in_fish(self, lines):
        program = "source _countersign\n" + "".join(f"complete -C '{line}'; echo @@@@\n" for line in lines)
        return [[each.split("\t")[0] for each in part.splitlines()] for part in self.run(program).split("@@@@\n")[:-1]]

    def offers_in_zsh(self, lines):
        # A completion runs only in a line editor: one in a pseudo-terminal, in which what is to be added is printed.
        # `compadd -O` gives the words that match.
        program = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
said() { local part; until [[ $all == *$1* ]]; do zpty -r shell part || exit 1; all+=$part; done; }
zpty -w shell 'PROMPT=; stty -echo; fpath=($PWD $fpath); autoload -Uz compinit; compinit -D -u; bindkey "^I" complete-word
compadd() { [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd "$@"; return }
 local -a found; builtin compadd -O found "$@"; print -rl -- "" $found; builtin compadd "$@"; }
zstyle ":completion:*" verbose no; zle -C shown complete-word shown
shown() { print begin; compstate[insert]=; _main_complete; compstate[list]=; compstate[insert]=; print -r "" en""d; }
bindkey "^I" shown; bindkey "^U" kill-whole-line; print rea""dy'
all=; said ready
for line in "${lines[@]}"; do
  all=; zpty -n -w shell $'\C-U'"$line"$'\t'; said ' end'
  print -r -- "$all"; print @@@@
done
zpty -d shell
"""
        given = "lines=(" + " ".join(f"'{line}'" for line in lines) + ")\n"
        parts = self.run(given + program).replace("\r", "").split("@@@@\n")[:-1]
        return [part.split("begin\n")[-1].replace("\n end", "").split() for part in parts]


class Completions:
    """What each shell must do; `shell` names it."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which(cls.shell):
            raise unittest.SkipTest(f"{cls.shell} is not there")
        cls.at = Shell(cls.shell)
        cls.addClassCleanup(cls.at.remove)

    def test_EveryVerbIsOffered(self):
        above = [(path, verbs) for path, verbs, _ in all_verbs() if verbs]
        offers = self.at.offers_for(["countersign " + "".join(word + " " for word in path) for path, _ in above])
        for (path, verbs), offered in zip(above, offers, strict=True):
            self.assertEqual(sorted(word for word in offered if not word.startswith("-")), sorted(verbs), path)

    def test_EveryOptionIsOfferedToItsVerb(self):
        verbs = [(path, options) for path, _, options in all_verbs()]
        offers = self.at.offers_for(["countersign " + "".join(word + " " for word in path) + "--" for path, _ in verbs])
        for (path, options), offered in zip(verbs, offers, strict=True):
            self.assertEqual(sorted(set(offered)), sorted(each for each in options if each.startswith("--")), path)

    def test_WhatAnOptionMayBeIsOffered(self):
        self.assertEqual(sorted(self.at.offers("countersign audit export --format ")), ["csv", "folder", "html", "ocsf"])
        self.assertEqual(sorted(self.at.offers("countersign completion ")), ["bash", "fish", "zsh"])

    def test_FilesAreOfferedWhereAFileIsMeant(self):
        for line in ("countersign serve --config _count", "countersign policy check _count"):
            self.assertEqual(self.at.offers(line), ["_countersign"], line)

    def test_NothingIsOfferedWhereAnythingMayStand(self):
        self.assertEqual(self.at.offers("countersign run --action "), [])


class Bash(Completions, unittest.TestCase):
    shell = "bash"

    def test_ShellcheckFindsNothing(self):
        done = subprocess.run(["shellcheck", "-s", "bash", self.at.script], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout, "")


class Zsh(Completions, unittest.TestCase):
    shell = "zsh"


class Fish(Completions, unittest.TestCase):
    shell = "fish"


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="countersign-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        told("manual", "--out", cls.folder)

    def test_EveryVerbHasAPageWithItsOptions(self):
        verbs = list(all_verbs())
        self.assertEqual(sorted(os.listdir(self.folder)), sorted("-".join(["countersign", *path]) + ".1" for path, _, _ in verbs))
        for path, below, options in verbs:
            with open(os.path.join(self.folder, "-".join(["countersign", *path]) + ".1")) as page:
                text = page.read().replace("\\-", "-")
            for word in [*below, *options]:
                self.assertIn(f"\\fB{word}\\fR", text, path)

    def test_ManFindsNothingWrongWithThem(self):
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not there")
        pages = [os.path.join(self.folder, name) for name in os.listdir(self.folder)]
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], capture_output=True, text=True, timeout=60)
        wrong = [line for line in done.stdout.splitlines() if "missing date" not in line]  # so that they are reproducible
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
