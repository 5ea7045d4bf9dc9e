"""`countersign top`: one page for scripts, and a page on a terminal that follows its size and ends at q."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from process import SEARCH_PATH, Parts, binary, wait_until


class Terminal:
    """The verb on a terminal of its own; what it draws is collected."""

    def __init__(self, environment, rows, columns, *arguments):
        self.us, theirs = pty.openpty()
        self.size(rows, columns)
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.child = subprocess.Popen([binary(), "top", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                      # Whoever runs the tests in the background ignores it, and so would the verb.
                                      preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                                      env={"PATH": SEARCH_PATH, "TERM": "xterm", **environment})
        self.drawn = ""

    def size(self, rows, columns):
        fcntl.ioctl(self.us, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while select.select([self.us], [], [], 0)[0]:
            try:
                self.drawn += os.read(self.us, 65536).decode(errors="replace")
            except OSError:
                break
        return self.drawn

    def pages(self):
        """Each page as its lines, without what moves the cursor."""
        found = self.read().split("\x1b[H")[1:]
        return [re.split(r"\r*\n", re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", page)) for page in found]

    def shows(self, pattern):
        return wait_until(f"{pattern!r} on the page: {self.drawn[-500:]!r}",
                          lambda: next((page for page in self.pages() if re.search(pattern, "\n".join(page))), None), 15)

    def code(self, seconds=20):
        """The exit code, while what is drawn is read as a terminal reads it."""
        wait_until("its end", lambda: (self.read(), self.child.poll() is not None)[1], seconds)
        return self.child.returncode

    def press(self, key):
        os.write(self.us, key.encode())

    def end(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        os.close(self.us)
        os.close(self.theirs)


class Top(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Parts.of(cls).start()
        cls.parts.workspace.control("limits", {"limits": "off"})
        for number in range(30):
            cls.parts.api.open(resource=f"service-{number}", expires_in=f"{40 + number}m")

    def environment(self, **more):
        return {"COUNTERSIGN_URL": self.parts.url, "COUNTERSIGN_TOKEN": self.parts.api.token, **more}

    def on_a_terminal(self, rows, columns, *arguments):
        terminal = Terminal(self.environment(), rows, columns, *arguments)
        self.addCleanup(terminal.end)
        return terminal

    def test_OncePrintsAllThatIsPendingAndHowTheServerIs(self):
        page = self.parts.client.run("top", "--once")
        self.assertEqual(page.code, 0, page.text())
        self.assertNotIn("\x1b", page.text())
        self.assertRegex(page.out[0], r"countersign +http://\S+ .* ready$")
        self.assertRegex(page.text(), r"chat connections slack 2")
        self.assertRegex(page.text(), r"database writable")
        rows = [line for line in page.out if line.startswith("#")]
        self.assertEqual(len(rows), 30)
        self.assertIn("deploy.api", rows[0])
        self.assertRegex(rows[0], r"reviewers")
        left = [int(re.search(r"(\d+)m", row).group(1)) for row in rows]
        self.assertEqual(left, sorted(left), "what expires first stands first")

    def test_OnATerminalItFitsFollowsTheSizeAndEndsAtQ(self):
        terminal = self.on_a_terminal(20, 70, "--every", "1s")
        page = terminal.shows(r"… \d+ more")
        self.assertLessEqual(len(page), 20)
        self.assertTrue(all(len(line) <= 70 for line in page), page)
        seen = len(terminal.pages())
        terminal.size(12, 40)
        os.killpg(terminal.child.pid, signal.SIGWINCH)
        small = wait_until("a smaller page", lambda: next((page for page in terminal.pages()[seen:] if len(page) <= 12), None), 10)
        self.assertTrue(all(len(line) <= 40 for line in small), small)
        terminal.press("q")
        self.assertEqual(terminal.code(), 0)
        self.assertIn("\x1b[?1049l", terminal.read(), "the screen is given back")
        self.assertEqual(termios.tcgetattr(terminal.theirs)[3], terminal.before[3], "and so are echo and lines")

    def test_AnInterruptGivesTheTerminalBack(self):
        terminal = self.on_a_terminal(24, 80)
        terminal.shows("NUMBER")
        os.killpg(terminal.child.pid, signal.SIGINT)
        self.assertEqual(terminal.code(), 130)
        self.assertIn("\x1b[?1049l", terminal.read())
        self.assertEqual(termios.tcgetattr(terminal.theirs)[3], terminal.before[3])

    def test_WithoutATerminalOrATokenOrAServerItSaysWhatToDo(self):
        said = self.parts.client.run("top")
        self.assertEqual(said.code, 2)
        self.assertIn("--once", said.text())
        page = self.parts.client.run("top", "--once", environment={"COUNTERSIGN_TOKEN": "csk_wrong"})
        self.assertEqual(page.code, 0)
        self.assertIn("pending requests are not shown", page.text())
        begun = time.monotonic()
        away = self.parts.client.run("top", "--once", environment={"COUNTERSIGN_URL": "http://127.0.0.1:1"})
        self.assertEqual(away.code, 20)
        self.assertIn("unreachable", away.text())
        self.assertLess(time.monotonic() - begun, 10)


if __name__ == "__main__":
    unittest.main()
