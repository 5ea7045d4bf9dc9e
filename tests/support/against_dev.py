"""Programs that others wrote, run against a development server of ours."""
import subprocess

from process import Dev, TempFolder


def against_dev(installer, check, policy=None):
    """The exit code of a test: the installer's where it cannot install (77: skip), else that of check(dev, folder)."""
    installed = subprocess.run([str(installer)])
    if installed.returncode != 0:
        return installed.returncode
    folder = TempFolder()
    dev = Dev(folder.path, folder.write("policy.yaml", policy) if policy else None)
    try:
        return check(dev, folder)
    finally:
        dev.stop()
        folder.remove()
