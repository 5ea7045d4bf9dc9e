"""HTTP as bytes: requests that no library would send, and the answers to them."""
import json
import random
import socket
import urllib.parse


class Answer:
    """`status` 0: the server closed the connection without a word."""

    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None

    def field(self, name):
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)

    get = field


def message(method, target, fields, body=b"", version="HTTP/1.1"):
    head = f"{method} {target} {version}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
    return head.encode("latin-1") + b"\r\n" + body


def read_answer(stream, without_body=False):
    """The next answer; 100 Continue is passed over."""
    while True:
        line = stream.readline()
        if not line:
            return Answer(0, [], b"")
        status = int(line.split(b" ")[1])
        fields = []
        while (line := stream.readline().rstrip(b"\r\n")):
            name, _, value = line.partition(b":")
            fields.append((name.decode("latin-1"), value.strip().decode("latin-1")))
        if status != 100:
            break
    answer = Answer(status, fields, b"")
    length = 0 if without_body or status in (204, 304) else int(answer.field("Content-Length") or 0)
    return Answer(status, fields, stream.read(length))


def address_of(url):
    at = urllib.parse.urlsplit(url)
    return at.hostname, at.port


def exchange(url, request, seconds=15.0, without_body=False):
    """The answer to these bytes, on a connection of their own, from an address of its own: who fails often from one
    address is made to wait."""
    mine = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
    with socket.create_connection(address_of(url), timeout=seconds, source_address=(mine, 0)) as link:
        link.sendall(request)
        with link.makefile("rb") as stream:
            return read_answer(stream, without_body)


def send_and_leave(url, request):
    """These bytes, and then nothing but the end of the connection."""
    with socket.create_connection(address_of(url), timeout=15.0) as link:
        link.sendall(request)
