"""The Debian package, as far as it can be looked at without a machine to install it on; scripts/test-package installs it."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from process import ROOT, binary

BUILD = pathlib.Path(binary()).parent
SERVICE = ROOT / "manifests" / "systemd" / "countersign.service"


def output(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not (BUILD / "CPackConfig.cmake").exists():
            raise unittest.SkipTest(f"{BUILD} is no build folder")
        cls.folder = tempfile.mkdtemp(prefix="countersign-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        # Little is compressed, so that it takes no time; scripts/test-package makes the one that is shipped.
        output("cpack", "--config", str(BUILD / "CPackConfig.cmake"), "-G", "DEB", "-B", cls.folder,
               "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=none", env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600"})
        cls.deb = str(next(pathlib.Path(cls.folder).glob("*.deb")))
        cls.root = os.path.join(cls.folder, "root")
        output("dpkg-deb", "-x", cls.deb, cls.root)

    def test_WhatItHoldsIsWhereDebianLooks(self):
        for path in ("usr/bin/countersign", "lib/systemd/system/countersign.service", "etc/default/countersign",
                     "usr/share/man/man1/countersign.1.gz", "usr/share/man/man1/countersign-policy-check.1.gz",
                     "usr/share/bash-completion/completions/countersign", "usr/share/zsh/vendor-completions/_countersign",
                     "usr/share/fish/vendor_completions.d/countersign.fish", "usr/share/doc/countersign/copyright",
                     "usr/share/doc/countersign/changelog.gz", "usr/share/doc/countersign/examples/policies/sample.yaml",
                     "usr/share/doc/countersign/examples/prometheus/alerts.yaml"):
            there = os.path.exists(os.path.join(self.root, path)) or os.path.exists(os.path.join(self.root, "usr", path))
            self.assertTrue(there, path)

    def test_TheProgramInItIsTheOneThatWasBuilt(self):
        packed = os.path.join(self.root, "usr/bin/countersign")
        self.assertEqual(output(packed, "--version"), output(binary(), "--version"))

    def test_ItDependsOnTheLibrariesThatTheProgramLoads(self):
        depends = output("dpkg-deb", "-f", self.deb, "Depends")
        for library in ("libc6", "libssl3", "libpqxx-6.4", "adduser"):
            self.assertRegex(depends, rf"\b{re.escape(library)}\b")

    def test_TheEnvironmentOfTheServiceIsAConffile(self):
        self.assertEqual(output("dpkg-deb", "-I", self.deb, "conffiles").split(), ["/etc/default/countersign"])

    def test_ItsScriptsAreClean(self):
        for name in ("postinst", "prerm", "postrm"):
            self.assertEqual(output("shellcheck", str(ROOT / "packaging" / "debian" / name)), "")

    def test_VersionsAgree(self):
        version = output("dpkg-deb", "-f", self.deb, "Version").strip()
        self.assertIn(version, output(binary(), "--version"))
        self.assertRegex((ROOT / "packaging" / "debian" / "changelog").read_text(), rf"^countersign \({re.escape(version)}\)")


class Service(unittest.TestCase):
    def test_ItIsExposedToLittle(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd is not there")
        output("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", str(SERVICE))


if __name__ == "__main__":
    unittest.main()
