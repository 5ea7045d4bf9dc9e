"""A pair of PostgreSQL servers under Patroni with etcd, as ordinary processes on the loopback.

Commits wait for the other server (synchronous_mode), so that what was committed survives a failover."""
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .postgres import free_port, tools_folder
from .standin import Trouble

LEASE_S = 10  # how long a leader that is not heard of stays the leader; Patroni's default is 30
ROLE = "countersign"

SETTINGS = """\
scope: countersign
name: {name}
log: {{ level: INFO }}
restapi: {{ listen: "127.0.0.1:{rest}", connect_address: "127.0.0.1:{rest}" }}
etcd3: {{ hosts: ["127.0.0.1:{etcd}"] }}
bootstrap:
  dcs:
    ttl: {lease}
    loop_wait: 2
    retry_timeout: 4
    synchronous_mode: true
    maximum_lag_on_failover: 1048576
    postgresql:
      use_pg_rewind: true
      parameters:
        max_connections: 100
        wal_keep_size: 256MB
        wal_log_hints: "on"
  initdb: [{{ encoding: UTF8 }}, {{ locale: C.UTF-8 }}]
  # For as long as this runs, whoever is on this machine may come in.
  pg_hba:
    - local all all trust
    - host all all 127.0.0.1/32 trust
    - host replication all 127.0.0.1/32 trust
postgresql:
  listen: "127.0.0.1:{port}"
  connect_address: "127.0.0.1:{port}"
  data_dir: "{folder}/data"
  bin_dir: "{bin}"
  pgpass: "{folder}/pgpass"
  authentication:
    superuser: {{ username: postgres }}
    replication: {{ username: replicator }}
  parameters: {{ unix_socket_directories: "{folder}", fsync: "on", synchronous_commit: "on" }}
"""


class Member:
    """One PostgreSQL server and the Patroni that looks after it."""

    def __init__(self, pair, name):
        self.pair, self.name = pair, name
        self.folder = pair.folder / name
        self.folder.mkdir()
        self.port, self.rest = free_port(), free_port()
        self.settings = self.folder / "patroni.yaml"
        self.settings.write_text(SETTINGS.format(
            name=name, rest=self.rest, etcd=pair.etcd_port, lease=LEASE_S, port=self.port,
            folder=self.folder, bin=pair.bin))
        if pair.as_account:
            for path in (self.folder, self.settings):
                shutil.chown(path, "postgres", "postgres")
        self.process = None

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([*self.pair.as_account, "patroni", str(self.settings)], cwd="/",
                                        stdout=log, stderr=log, start_new_session=True)
        log.close()

    def state(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/patroni", timeout=2) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as answer:  # it says what it is with its status, too
            return json.load(answer)
        except (OSError, ValueError):
            return {}

    def family(self):
        """The ids of Patroni, of the server and of whatever they started."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                        parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
                except (FileNotFoundError, ProcessLookupError):
                    continue
        found = {self.process.pid}
        try:
            found.add(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
        except (FileNotFoundError, IndexError):
            pass
        grown = True
        while grown:
            more = {child for child, parent in parents.items() if parent in found} - found
            found |= more
            grown = bool(more)
        return found

    def kill(self):
        """As when the machine goes: nothing of it says a word more."""
        for process in self.family():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def writable(self):
        """Says whether it takes writes, by asking it."""
        done = subprocess.run(["psql", "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d",
                               "postgres", "-c", "SELECT NOT pg_is_in_recovery()"], capture_output=True, text=True,
                              env={**os.environ, "PGCONNECT_TIMEOUT": "2"})
        return done.stdout.strip() == "t"


class Pair:
    def __init__(self, work):
        self.bin = tools_folder()
        self.folder = Path(work) / "pair"
        self.folder.mkdir()
        self.as_account = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.as_account:
            shutil.chown(self.folder, "postgres", "postgres")
        self.etcd_port, peer = free_port(), free_port()
        url, peer_url = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{peer}"
        with open(self.folder / "etcd.log", "wb") as log:
            self.etcd = subprocess.Popen(
                [*self.as_account, "etcd", "--name", "one", "--data-dir", str(self.folder / "etcd"),
                 "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peer_url,
                 "--initial-advertise-peer-urls", peer_url, "--initial-cluster", f"one={peer_url}"],
                cwd="/", stdout=log, stderr=log)
        self.members = [Member(self, "a"), Member(self, "b")]

    def __enter__(self):
        try:
            self.members[0].start()
            self.wait("the first server", lambda: self.members[0].state().get("role") in ("master", "primary"), 90)
            self.members[1].start()
            self.wait_for_both()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for member in self.members:
            if member.process is not None:
                member.kill()
        self.etcd.kill()
        self.etcd.wait()

    def wait(self, what, condition, seconds):
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                tails = "\n".join((member.folder / "log").read_text(errors="replace")[-1500:]
                                  for member in self.members if (member.folder / "log").exists())
                raise Trouble(f"{what}: not within {seconds} s\n{tails}")
            time.sleep(0.1)

    def wait_for_both(self, seconds=120):
        """Until one server takes writes and commits wait for the other."""
        self.wait("commits that wait for the standby", lambda: bool(self.leader() and self.synchronous()), seconds)

    def leader(self):
        for member in self.members:
            if member.state().get("role") in ("master", "primary") and member.writable():
                return member
        return None

    def follower(self):
        leader = self.leader()
        return next(member for member in self.members if member is not leader)

    def synchronous(self):
        said = self.sql("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
        return said == "1"

    def sql(self, database, text):
        leader = self.leader()
        if leader is None:
            return ""
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(leader.port),
                               "-U", "postgres", "-d", database, "-c", text], capture_output=True, text=True)
        if done.returncode != 0:
            raise Trouble(done.stderr.strip())
        return done.stdout.strip()

    def fresh_database(self, name):
        """Creates it, and returns a URI that names both servers."""
        if not self.sql("postgres", f"SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}'"):
            self.sql("postgres", f"CREATE ROLE {ROLE} LOGIN")
        self.sql("postgres", f"CREATE DATABASE {name} OWNER {ROLE}")
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        return f"postgresql://{ROLE}@{hosts}/{name}"


class Pooler:
    """pgbouncer in front of one server."""

    def __init__(self, pair, database, mode):
        self.port = free_port()
        folder = pair.folder / f"pooler-{mode}"
        folder.mkdir()
        (folder / "users").write_text(f'"{ROLE}" ""\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n{database} = host=127.0.0.1 port={pair.leader().port} dbname={database}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {folder}/users\npool_mode = {mode}\nmax_client_conn = 100\n"
            f"default_pool_size = 40\nlogfile =\n")
        if pair.as_account:
            for path in (folder, folder / "users", folder / "pgbouncer.ini"):
                shutil.chown(path, "postgres", "postgres")
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen([*pair.as_account, "pgbouncer", str(folder / "pgbouncer.ini")],
                                            cwd="/", stdout=log, stderr=log)
        self.uri = f"postgresql://{ROLE}@127.0.0.1:{self.port}/{database}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
