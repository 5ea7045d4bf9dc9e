#!/usr/bin/env python3
"""Sums up what CTest's JUnit report holds, test by test where a program says how many it ran."""
import re
import sys
import xml.etree.ElementTree as tree


def said(text, pattern):
    found = re.findall(pattern, text, flags=re.M)
    return int(found[-1]) if found else None


def count(case):
    """Counts the passed, failed and skipped tests of one program."""
    text = case.findtext("system-out") or ""
    status = case.get("status")
    if status == "disabled":
        return 0, 0, 1
    if status == "notrun":
        # CTest calls everything skipped that did not run, also a program that it could not find or start. Only a
        # program that says so itself was skipped.
        why = case.find("skipped")
        asked = why is not None and (why.get("message") or "").startswith("SKIP_")
        return (0, 0, 1) if asked else (0, 1, 0)
    good = status == "run"
    own = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", text, flags=re.M)
    if own:
        passed, failed, skipped = (int(number or 0) for number in own[-1])
    else:
        passed = said(text, r"^\[  PASSED  \] (\d+) tests?\.")
        failed = said(text, r"^\[  FAILED  \] (\d+) tests?, listed below") or 0
        skipped = said(text, r"^\[  SKIPPED \] (\d+) tests?, listed below") or 0
        if passed is None:
            passed = 1 if good else 0
    # A program that failed has a failed test, whatever it printed; so has one that says it failed.
    return passed, failed if good else max(failed, 1), skipped


def self_test():
    def case(status, text, more=""):
        return tree.fromstring(f'<testcase status="{status}"><system-out>{text}</system-out>{more}</testcase>')
    assert count(case("run", "[  PASSED  ] 33 tests.\n")) == (33, 0, 0)
    assert count(case("run", "[  PASSED  ] 3 tests.\n[  SKIPPED ] 2 tests, listed below:\n")) == (3, 0, 2)
    assert count(case("fail", "[  PASSED  ] 1 test.\n[  FAILED  ] 2 tests, listed below:\n")) == (1, 2, 0)
    assert count(case("run", "5 passed, 0 failed, 1 skipped\n")) == (5, 0, 1)
    assert count(case("fail", "5 passed, 0 failed\n")) == (5, 1, 0)
    assert count(case("fail", "Segmentation fault")) == (0, 1, 0)
    assert count(case("run", "fine")) == (1, 0, 0)
    assert count(case("notrun", "", '<skipped message="SKIP_RETURN_CODE=77"/>')) == (0, 0, 1)
    assert count(case("disabled", "")) == (0, 0, 1)
    assert count(case("notrun", "", '<skipped message="Unable to find executable"/>')) == (0, 1, 0)
    assert count(case("notrun", "")) == (0, 1, 0)


def main():
    self_test()
    passed = failed = skipped = 0
    broken = []
    for case in tree.parse(sys.argv[1]).iter("testcase"):
        numbers = count(case)
        passed, failed, skipped = passed + numbers[0], failed + numbers[1], skipped + numbers[2]
        if numbers[1]:
            broken.append(case.get("name"))
    if broken:
        print("failed: " + " ".join(broken))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
