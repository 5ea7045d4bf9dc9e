"""Gets ready what the run needs; what is not available is skipped with a line that says why."""
import os
import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PEERS = PROJECT.parent / "shared" / "peers"
GO_PACKAGES = ["golang-go", "golang-github-slack-go-slack-dev", "golang-github-jackc-pgx-v4-dev"]


class Binaries:
    def __init__(self, folder):
        self.standin = folder / "bench" / "standin"
        self.empty_bot = folder / "bench" / "empty_bot"
        self.crowd = folder / "bench" / "crowd"
        self.countersign = folder / "countersign"
        self.go_peer = None
        self.bolt_peer = None
        self.bolt_modules = PROJECT / "bench" / "peers_js" / "package.json"
        self.skipped = []


def _installed(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True)
    return done.stdout.endswith("ok installed")


def _install(packages):
    missing = [p for p in packages if not _installed(p)]
    if not missing:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    subprocess.run([*sudo, "apt-get", "install", "-y", "-q", "--no-install-recommends", *missing], check=True,
                   stdout=subprocess.DEVNULL)


def _go_peer(binaries, folder):
    source = PEERS / "go-app" / "main.go"
    out = folder / "bench" / "go_peer"
    try:
        _install(GO_PACKAGES)
        environment = dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode",
                           GOCACHE=str(folder / "bench" / "go_cache"))
        subprocess.run(["go", "build", "-o", str(out), str(source)], check=True, env=environment)
        binaries.go_peer = out
    except (OSError, subprocess.CalledProcessError) as trouble:
        binaries.skipped.append(f"slack-go: skipped, it does not build here ({trouble})")


def _bolt_peer(binaries):
    modules = binaries.bolt_modules.parent
    try:
        if not (modules / "node_modules" / "@slack" / "bolt").exists():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=modules, check=True)
        binaries.bolt_peer = PEERS / "bolt-app.mjs"
    except (OSError, subprocess.CalledProcessError) as trouble:
        binaries.skipped.append(f"bolt: skipped, its packages cannot be installed here ({trouble})")


def prepare(options, more_targets=()):
    folder = Path(options.build_dir).resolve() if options.build_dir else PROJECT / "build" / "release"
    binaries = Binaries(folder)
    wanted = lambda name: not options.only or name in options.only  # noqa: E731
    if not options.no_build:
        if not (folder / "build.ninja").exists():
            subprocess.run(["cmake", "--preset", "release", "-B", str(folder)], cwd=PROJECT, check=True,
                           stdout=subprocess.DEVNULL)
        targets = ["standin", "empty_bot"] + (["countersign"] if wanted("countersign") else []) + list(more_targets)
        subprocess.run(["ninja", "-C", str(folder), "--quiet", *targets], check=True)
    (folder / "bench").mkdir(exist_ok=True)
    if not PEERS.is_dir():
        binaries.skipped.append(f"slack-go, bolt: skipped, {PEERS} is not there")
        return binaries
    if wanted("slack-go"):
        _go_peer(binaries, folder)
    if wanted("bolt"):
        if shutil.which("node") and shutil.which("npm"):
            _bolt_peer(binaries)
        else:
            binaries.skipped.append("bolt: skipped, node and npm are not installed")
    return binaries
