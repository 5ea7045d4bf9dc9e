"""Runs one private, durable PostgreSQL for all subjects."""
import os
import shutil
import socket
import subprocess
from pathlib import Path

from .process import family_processor_us
from .standin import Trouble

# This is the least that a vote writes, in one statement: the state, the vote, the event, its row in the queue of
# events, and the errand for the card.
VOTE_SCHEMA = """
create table request(id bigint primary key, state text not null, version int not null default 1);
create table vote(id bigserial primary key, request_id bigint not null, approver text not null,
    at timestamptz not null);
create table event(id bigserial primary key, request_id bigint not null, what text not null,
    at timestamptz not null);
create table unsequenced(event_id bigint primary key);
create table errand(id bigserial primary key, request_id bigint not null, kind text not null);
insert into request select i, 'pending' from generate_series(1, 200000) i;
"""
VOTE_SCRIPT = """\\set id random(1, 200000)
with r as (update request set state = 'approved', version = version + 1 where id = :id returning id), \
v as (insert into vote(request_id, approver, at) select id, 'U0P000', now() from r), \
e as (insert into event(request_id, what, at) select id, 'approved', now() from r returning id), \
u as (insert into unsequenced select id from e) \
insert into errand(request_id, kind) select id, 'card' from r;
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tools_folder():
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    if not found:
        raise Trouble("PostgreSQL's server is not installed: apt-get install postgresql-15")
    return Path(found).parent


class Postgres:
    def __init__(self, work):
        self.bin = tools_folder()
        self.folder = work / "postgres"
        self.port = free_port()
        self.user = "bench"
        self.as_account = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.folder.mkdir(mode=0o700)
        if self.as_account:
            shutil.chown(self.folder, "postgres", "postgres")

    def _tool(self, name, *arguments, **options):
        done = subprocess.run([*self.as_account, str(self.bin / name), *arguments], cwd="/", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        if done.returncode != 0:
            raise Trouble(f"{name} failed: {done.stdout.strip()}")
        return done.stdout

    def __enter__(self):
        data = self.folder / "data"
        self._tool("initdb", "-D", str(data), "-A", "peer", "--no-instructions", "-E", "UTF8",
                   "--locale=C.UTF-8")
        # One account without rights beyond its databases may come in over the loopback, while this runs.
        hba = f"local all all peer\nhost all {self.user} 127.0.0.1/32 trust\n"
        settings = (f"listen_addresses = '127.0.0.1'\nport = {self.port}\n"
                    f"unix_socket_directories = '{self.folder}'\n"
                    "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\nmax_wal_size = 4GB\n"
                    "checkpoint_timeout = 30min\nmax_connections = 100\n")
        self._write(data / "pg_hba.conf", hba, append=False)
        self._write(data / "postgresql.conf", settings, append=True)
        # Its output must not hold our pipe open, so it goes to a file.
        self._tool("pg_ctl", "-D", str(data), "-l", str(self.folder / "log"), "-w", "-s", "start")
        self.postmaster = int((data / "postmaster.pid").read_text().split()[0])
        self.sql("postgres", f"create role {self.user} login")
        return self

    def __exit__(self, *_):
        self._tool("pg_ctl", "-D", str(self.folder / "data"), "-w", "-s", "-m", "fast", "stop")

    @staticmethod
    def _write(path, text, append):
        with open(path, "a" if append else "w", encoding="utf-8") as file:
            file.write(text)

    def sql(self, database, text):
        return self._tool("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h",
                          str(self.folder), "-p", str(self.port), "-d", database, "-c", text).strip()

    def settings(self):
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")
        return {name: self.sql("postgres", f"show {name}") for name in names}

    def checkpoint(self):
        self.sql("postgres", "checkpoint")

    def fresh_database(self, name):
        """Drops and creates it, and returns its URI."""
        self.sql("postgres", f"drop database if exists {name} with (force)")
        self.sql("postgres", f"create database {name} owner {self.user}")
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{name}"

    def processor_us(self):
        return family_processor_us(self.postmaster)

    def vote_statement_tps(self, seconds):
        uri = self.fresh_database("statement")
        self.sql("statement", f"set role {self.user}; {VOTE_SCHEMA}")
        self.sql("statement", "vacuum analyze request")
        script = self.folder / "vote.sql"
        self._write(script, VOTE_SCRIPT, append=False)
        os.chmod(script, 0o644)
        self.checkpoint()
        out = self._tool("pgbench", "-n", "-M", "prepared", "-c", "16", "-j", "1", "-T", str(seconds),
                         "-f", str(script), uri)
        for line in out.splitlines():
            if line.startswith("tps = "):
                return float(line.split()[2])
        raise Trouble(f"pgbench said no tps: {out}")
