"""The image of the container: what it holds, as whom it runs, and that its program runs with nothing else around it."""
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

from process import ROOT, binary

BUILD = pathlib.Path(binary()).parent
ACCOUNT = 65532


@unittest.skipUnless(shutil.which("buildah") and os.geteuid() == 0, "needs buildah and root")
class Container(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if BUILD.parent != ROOT / "build":
            raise unittest.SkipTest(f"{BUILD} is no build folder of this tree")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.first = cls.build("first.tar")
        cls.root = cls.folder / "root"
        with tarfile.open(cls.blob(cls.first, cls.first["manifest"]["layers"][0])) as layer:
            layer.extractall(cls.root)
        cls.folder.chmod(0o755)
        cls.root.chmod(0o755)

    @classmethod
    def build(cls, name):
        done = subprocess.run([str(ROOT / "scripts/container"), BUILD.name, str(cls.folder / name)], capture_output=True, text=True,
                              env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600"})
        assert done.returncode == 0, done.stdout + done.stderr
        image = {"folder": cls.folder / f"{name}.d"}
        with tarfile.open(cls.folder / name) as archive:
            archive.extractall(image["folder"])
        index = json.loads((image["folder"] / "index.json").read_text())
        image["digest"] = index["manifests"][0]["digest"]
        image["manifest"] = json.loads(cls.blob(image, index["manifests"][0]).read_text())
        image["config"] = json.loads(cls.blob(image, image["manifest"]["config"]).read_text())
        return image

    @staticmethod
    def blob(image, described):
        return image["folder"] / "blobs" / described["digest"].replace(":", "/")

    def inside(self, *words, **environment):
        return subprocess.run([shutil.which("chroot"), f"--userspec={ACCOUNT}:{ACCOUNT}", str(self.root), *words], capture_output=True, text=True,
                              timeout=60, env=environment)

    def test_ItRunsAsAnAccountWithoutRightsAndWritesInOnePlace(self):
        config = self.first["config"]["config"]
        self.assertEqual(config["User"], f"{ACCOUNT}:{ACCOUNT}")
        self.assertEqual(config["Entrypoint"], ["/usr/bin/countersign"])
        self.assertEqual(list(config["Volumes"]), ["/var/lib/countersign"])
        # Nothing but the volume and /tmp is that account's to write.
        loose = [path for path in self.root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o002]
        self.assertEqual(loose, [self.root / "tmp"])
        owned = [path for path in self.root.rglob("*") if path.lstat().st_uid == ACCOUNT]
        self.assertEqual(owned, [self.root / "var/lib/countersign"])

    def test_ItHasNoShellNoSetuidProgramAndNoPackageManager(self):
        programs = [path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o111]
        self.assertEqual({path.name for path in programs}, {"countersign", "ld-linux-x86-64.so.2"})
        self.assertEqual([path for path in programs if path.stat().st_mode & 0o6000], [])

    def test_ItsProgramRunsWithNothingElseAround(self):
        said = self.inside("/usr/bin/countersign", "--version")
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertRegex(said.stdout, r"^countersign \d")
        # Names of zones, certificates and the configuration's own words.
        (self.root / "etc/countersign/policy.yaml").write_text(
            "version: 1\ntimezone: Europe/Berlin\ndefault: refuse\nrules:\n"
            "  - { name: free at night, when: { action: nightly.run, time.hour: { gte: 22 } }, allow: true }\n")
        checked = self.inside("/usr/bin/countersign", "policy", "check", "/etc/countersign/policy.yaml")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        keys = self.inside("/usr/bin/countersign", "keys", "create", COUNTERSIGN_HOME="/var/lib/countersign")
        self.assertEqual(keys.returncode, 0, keys.stderr)

    def test_TheSameProgramMakesTheSameImage(self):
        self.assertEqual(self.build("second.tar")["digest"], self.first["digest"])


@unittest.skipUnless(shutil.which("patchelf"), "needs patchelf")
class Tarball(unittest.TestCase):
    def test_ItRunsWhereverItIsUnpackedWithNothingButGlibc(self):
        if BUILD.parent != ROOT / "build" or not (BUILD / "packaging/pages/made").exists():
            raise unittest.SkipTest(f"{BUILD} has no pages built")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-"))
        self.addCleanup(shutil.rmtree, folder)
        done = subprocess.run([str(ROOT / "scripts/tarball"), BUILD.name, str(folder / "made.tar.gz")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        with tarfile.open(folder / "made.tar.gz") as archive:
            archive.extractall(folder / "some where")
        top, = (folder / "some where").iterdir()
        program = top / "bin/countersign"
        said = subprocess.run([str(program), "--version"], capture_output=True, text=True, env={})
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        needs = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
        foreign = {line.split()[0] for line in needs.splitlines() if "=>" in line and str(top) not in line}
        self.assertLessEqual(foreign, {"libc.so.6", "libm.so.6", "libresolv.so.2"})
        self.assertTrue((top / "share/man/man1/countersign.1.gz").exists())


if __name__ == "__main__":
    unittest.main()
