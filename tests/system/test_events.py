"""The log of events, as its readers meet it: two replicas on one database, restarts, streams and pages."""
import http.client
import json
import threading
import time
import unittest
import urllib.parse

import openapi
from process import Api, Parts, TempFolder, wait_until


DOCUMENT = openapi.Document.of_this_tree()


class Stream:
    """One connection to GET /v1/events; collects what EventSource would see, and what it must never see."""

    def __init__(self, api, query="", last=None):
        at = urllib.parse.urlsplit(api.url)
        self.link = http.client.HTTPConnection(at.hostname, at.port, timeout=60)
        headers = {"Authorization": f"Bearer {api.token}", "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.link.request("GET", "/v1/events" + query, headers=headers)
        self.answer = self.link.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self.events, self.comments, self.wrong, self.ended = [], [], [], False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        block = {}
        try:
            for raw in self.answer:
                line = raw.decode().rstrip("\n")
                if line.startswith(":"):
                    self.comments.append(line)
                elif line:
                    name, _, value = line.partition(": ")
                    block[name] = value
                elif block:
                    if "id" in block and "data" not in block:
                        self.wrong.append(block)
                    if "data" in block:
                        self.events.append({**block, "data": json.loads(block["data"])})
                    block = {}
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass
        self.ended = True

    def ids(self):
        return [int(event["id"]) for event in self.events if "id" in event]

    def close(self):
        self.link.sock and self.link.sock.shutdown(2)
        self.thread.join(10)
        self.link.close()
        for event in self.events:
            (DOCUMENT.check_event if "id" in event else DOCUMENT.check_last_word)(event["data"])


class EventsTest(unittest.TestCase):
    def setUp(self):
        self.folder = TempFolder()
        self.parts = Parts(self.folder.path).start()
        self.streams, self.servers = [], [self.parts.server]
        self.has_begun(1)

    def has_begun(self, servers):
        """What a server says of its policy when it begins has its place: nothing comes by itself any more."""
        wait_until("the policies' events", lambda: len(self.pages(type="policy.loaded")) == servers)

    def tearDown(self):
        for stream in self.streams:
            try:
                stream.close()
            except OSError:
                pass
        for server in self.servers:
            server.kill()
        self.parts.stop()
        self.folder.remove()

    def stream(self, api=None, query="", last=None):
        self.streams.append(Stream(api or self.parts.api, query, last))
        return self.streams[-1]

    def second(self):
        """One more replica; the parts' own stays the first."""
        first, port = self.parts.server, self.parts.port
        self.parts.port = 0
        self.parts.start_server()
        other = Api(self.parts.url, self.parts.api.token)
        self.servers.append(self.parts.server)
        self.parts.server, self.parts.port, self.parts.url = first, port, self.parts.api.url
        self.has_begun(2)
        return other

    def pages(self, api=None, **query):
        """The whole history, page by page."""
        api, after, events = api or self.parts.api, -1, []
        while True:
            reply = api.call("GET", "/v1/events?" + urllib.parse.urlencode({**query, "after": after, "limit": 50}),
                             headers={"Accept": "application/json"})
            assert reply.status == 200, reply.body
            events += reply.json["events"]
            after = reply.json["next_after"]
            if not reply.json["more"]:
                return events

    def test_BothReplicasTellTheSameEventsWithoutGapOrRepeat(self):
        other = self.second()
        here, there = self.stream(), self.stream(other)
        base = len(self.pages())
        def work(api, count):
            for _ in range(count):
                request = api.open()
                api.call("POST", f"/v1/requests/{request['id']}/cancel")
        threads = [threading.Thread(target=work, args=(api, 20)) for api in (self.parts.api, other) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = list(range(base, base + 160))
        for stream in (here, there):
            wait_until("all events", lambda: len(stream.ids()) >= 160)
            self.assertEqual(stream.ids(), expected)
            self.assertEqual(stream.wrong, [])
        self.assertEqual([e["data"]["id"] for e in here.events], [e["data"]["id"] for e in there.events])
        versions = {}
        for event in here.events:
            document = event["data"]["data"]
            self.assertGreaterEqual(document["version"], versions.get(document["id"], 0), "the entries' own order")
            versions[document["id"]] = document["version"]
            wanted = "pending" if event["event"] == "request.created" else "cancelled"
            self.assertEqual(document["state"], wanted, "the request as it was")
        history = [e for e in self.pages() if int(e["sequence"]) >= base]
        self.assertEqual([e["data"] for e in here.events], history, "a page tells what the stream told")

    def test_AStreamResumesOnTheOtherReplicaAfterAKill(self):
        other = self.second()
        stop, filed = threading.Event(), []
        def work():
            while not stop.is_set():
                filed.append(other.open()["id"])
                time.sleep(0.01)
        worker = threading.Thread(target=work)
        worker.start()
        seen = []
        try:
            last = -1
            for turn in range(6):
                stream = self.stream((self.parts.api, other)[turn % 2], last=last)
                wait_until("some more events", lambda: len(stream.ids()) >= 5)
                if turn == 2:
                    self.parts.server.kill()  # in the middle of its batches
                    self.parts.start_server()
                    self.servers.append(self.parts.server)
                stream.close()
                seen += stream.ids()
                last = seen[-1]
        finally:
            stop.set()
            worker.join()
        stream = self.stream(other, last=last)
        wait_until("the rest", lambda: {e["data"]["subject"] for e in stream.events} >= {filed[-1]})
        seen += stream.ids()
        self.assertEqual(seen, list(range(len(seen))))
        told = [e["data"]["id"] for e in self.pages(type="request.created")]
        self.assertEqual(len(told), len(filed))

    def test_WhoWaitsHereHearsWhatWasDecidedThere(self):
        other = self.second()
        time.sleep(1.5)  # each has heard the other's greeting
        delays = []
        for _ in range(5):
            request = self.parts.api.open()
            answered = {}
            def wait():
                answered["reply"] = self.parts.api.call("GET", f"/v1/requests/{request['id']}?wait=20")
                answered["at"] = time.monotonic()
            waiter = threading.Thread(target=wait)
            waiter.start()
            time.sleep(0.3)
            other.call("POST", f"/v1/requests/{request['id']}/cancel")
            cancelled = time.monotonic()
            waiter.join()
            self.assertEqual(answered["reply"].json["state"], "cancelled")
            delays.append(answered["at"] - cancelled)
        self.assertLess(min(delays), 0.5, "sooner than the look once a second")

    def test_FiltersHoldInStreamsAndPages(self):
        approvals = self.stream(query="?type=request.cancelled&action=deploy.api")
        one, two = self.parts.api.open(), self.parts.api.open(action="deploy.web")
        for request in (two, one):
            self.parts.api.call("POST", f"/v1/requests/{request['id']}/cancel")
        wait_until("the event", lambda: approvals.events)
        self.assertEqual([e["data"]["subject"] for e in approvals.events], [one["id"]])
        self.assertEqual({e["subject"] for e in self.pages(request=two["id"])}, {two["id"]})
        self.assertEqual([e["type"] for e in self.pages(state="cancelled", requester="test")],
                         ["countersign.request.cancelled"] * 2)
        self.assertEqual(self.pages(requester="nobody"), [])

    def test_AServerThatGoesDownEndsItsStreamsWithAWord(self):
        stream = self.stream()
        self.parts.api.open()
        wait_until("an event", lambda: stream.events)
        self.parts.server.stop()
        wait_until("the end", lambda: stream.ended)
        self.assertEqual((stream.events[-1]["event"], stream.events[-1]["data"]["code"]), ("end", "server_closing"))
        self.assertNotIn("id", stream.events[-1])


if __name__ == "__main__":
    unittest.main()
