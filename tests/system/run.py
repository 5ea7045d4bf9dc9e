#!/usr/bin/env python3
"""Runs the system tests and ends with `N passed, N failed, N skipped`. Arguments: names to choose from."""
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]


import openapi  # noqa: E402
import process  # noqa: E402
import proxy  # noqa: E402
import receiver  # noqa: E402


class Ways:
    """The client verbs' ways to their servers, on which every call is looked at."""

    def __init__(self, witness):
        self.witness, self.proxies = witness, []

    def to(self, url):
        self.proxies.append(proxy.Proxy(url, self.witness))
        return self.proxies[-1].url

    def findings(self):
        return [finding for each in self.proxies for finding in each.wrong]


class Result(unittest.TextTestResult):
    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.stream.writeln(f"      {time.monotonic() - self.begun:.1f} s")


def chosen(suite, words):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test, words)
        elif not words or any(word in test.id() for word in words):
            yield test


def main():
    document = openapi.Document.of_this_tree()
    process.Api.witness = document.witness
    receiver.Receiver.witness = document.check_delivery
    ways = Ways(document.witness)
    process.Client.way = ways.to
    found = unittest.defaultTestLoader.discover(str(HERE), pattern="test_*.py", top_level_dir=str(HERE))
    suite = unittest.TestSuite(chosen(found, sys.argv[1:]))
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(suite)
    for finding in ways.findings():
        print(f"FAIL: a client verb: {finding}")
    failed = len(ways.findings()) + len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = result.testsRun - len({id(t) for t, _ in result.failures + result.errors}) - len(result.skipped)
    print(f"{max(passed, 0)} passed, {failed} failed, {len(result.skipped)} skipped")
    # Where everything was skipped for want of something, that is what the last line says; nothing at all is a mistake.
    return 1 if failed or (passed <= 0 and not result.skipped) else 0


if __name__ == "__main__":
    sys.exit(main())
