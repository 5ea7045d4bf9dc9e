"""Traces by OTLP/HTTP: what a click causes is one trace, joined with the caller's, and a collector that is away costs nobody
anything."""
import http.server
import json
import re
import threading
import time
import unittest

from process import Parts, TempFolder, wait_until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector:
    """Takes exports as a collector does, and looks at their form."""

    def __init__(self, status=200, stuck=False):
        self.spans, self.headers, self.problems = [], [], []
        self.status, self.stuck = status, stuck
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                while outer.stuck:
                    time.sleep(0.05)
                outer.headers.append((self.path, dict(self.headers)))
                if outer.status == 200:
                    outer.take(json.loads(body))
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, document):
        """Reads an ExportTraceServiceRequest, strictly."""
        for resource in document["resourceSpans"]:
            names = {each["key"]: each["value"]["stringValue"] for each in resource["resource"]["attributes"]}
            self.check(names.get("service.name") == "countersign", f"resource {names}")
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    self.look(span)
                    self.spans.append(span)

    def look(self, span):
        known = {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "status"}
        self.check(set(span) <= known, f"members {set(span) - known}")
        self.check(re.fullmatch("[0-9a-f]{32}", span["traceId"]) and int(span["traceId"], 16), f"traceId {span['traceId']}")
        for name in ("spanId", "parentSpanId"):
            self.check(name not in span or (re.fullmatch("[0-9a-f]{16}", span[name]) and int(span[name], 16)), f"{name} {span.get(name)}")
        self.check("spanId" in span and span["name"] and span["kind"] in (1, 2, 3), f"{span}")
        begun, ended = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        self.check(isinstance(span["startTimeUnixNano"], str) and begun <= ended and abs(ended / 1e9 - time.time()) < 600, f"{span}")

    def check(self, holds, what):
        if not holds:
            self.problems.append(what)

    def of(self, request):
        return [span for span in self.spans
                if {"key": "countersign.request.id", "value": {"stringValue": request}} in span["attributes"]]

    def named(self, request, name):
        return [span for span in self.of(request) if span["name"] == name]

    def stop(self):
        self.stuck = False
        self.server.shutdown()
        self.server.server_close()


class Tracing(unittest.TestCase):
    def begin(self, collector, **more):
        self.addCleanup(collector.stop)
        folder = TempFolder()
        self.addCleanup(folder.remove)
        self.parts = Parts(folder.path, environment={"COUNTERSIGN_OTLP_ENDPOINT": collector.url, **more})
        self.addCleanup(self.parts.stop)
        self.parts.start()
        self.api, self.workspace = self.parts.api, self.parts.workspace

    def ask(self, traceparent=None):
        headers = {"traceparent": traceparent} if traceparent else {}
        reply = self.api.call("POST", "/v1/requests", {"action": "deploy.api", "intent": "a secret intent",
                                                       "resource": "a-secret-resource"}, headers)
        self.assertEqual(reply.status, 201, reply.body)
        return reply.json["id"]

    def test_WhatAClickCausesIsOneTraceJoinedWithTheCallers(self):
        collector = Collector()
        self.begin(collector, COUNTERSIGN_OTLP_HEADER="Authorization: Basic c2VjcmV0")
        request = self.ask(f"00-{TRACE}-{PARENT}-01")
        waiting = threading.Thread(target=lambda: self.api.call("GET", f"/v1/requests/{request}?wait=30"))
        waiting.start()
        self.workspace.card(request)
        time.sleep(0.3)
        self.workspace.approve("amy", request)
        waiting.join(30)
        digest = self.api.show(request)["digest"]
        self.assertEqual(self.api.call("POST", f"/v1/requests/{request}/claim", {"digest": digest}).status, 200)
        wait_until("the spans", lambda: len(collector.named(request, "card")) >= 2 and collector.named(request, "claim") and
                   collector.named(request, "waiter"), 15)
        self.assertEqual(collector.problems, [])
        self.assertEqual({span["traceId"] for span in collector.of(request)}, {TRACE})
        filed, = collector.named(request, "request")
        click, = collector.named(request, "click")
        vote, = collector.named(request, "vote")
        waiter, = collector.named(request, "waiter")
        self.assertEqual(filed["parentSpanId"], PARENT)
        self.assertEqual(click["parentSpanId"], PARENT)
        self.assertEqual(vote["parentSpanId"], click["spanId"])
        self.assertEqual(waiter["parentSpanId"], vote["spanId"])
        self.assertIn(filed["spanId"], {card["parentSpanId"] for card in collector.named(request, "card")})
        self.assertIn(vote["spanId"], {card["parentSpanId"] for card in collector.named(request, "card")})
        self.assertLessEqual(int(click["startTimeUnixNano"]), int(vote["startTimeUnixNano"]))
        self.assertGreaterEqual(int(click["endTimeUnixNano"]), int(vote["endTimeUnixNano"]))
        # No word of a request leaves this way, and the header is a secret.
        self.assertNotIn("secret", json.dumps(collector.spans))
        self.assertEqual({path for path, _ in collector.headers}, {"/v1/traces"})
        self.assertEqual({headers["Authorization"] for _, headers in collector.headers}, {"Basic c2VjcmV0"})
        self.assertNotIn("c2VjcmV0", self.parts.server.text())

    def test_WithoutACallersTraceARequestHasItsOwnAndAnUnsampledOneHasNone(self):
        collector = Collector()
        self.begin(collector)
        own, broken, unsampled = self.ask(), self.ask("00-nonsense"), self.ask(f"00-{TRACE}-{PARENT}-00")
        for request in (own, broken, unsampled):
            self.workspace.card(request)
            self.workspace.approve("amy", request)
        for request in (own, broken):
            wait_until("the spans", lambda request=request: collector.named(request, "vote") and collector.named(request, "click"), 15)
            traces = {span["traceId"] for span in collector.of(request)}
            self.assertEqual(len(traces), 1)
            self.assertNotIn(TRACE, traces)
            self.assertNotIn("parentSpanId", collector.named(request, "click")[0])
        self.assertEqual(collector.of(unsampled), [])

    def test_ACollectorThatIsStuckRefusesOrIsAwayDelaysNoVote(self):
        collector = Collector(stuck=True)
        self.begin(collector)
        for status in (None, 400, 503):
            if status:
                collector.stuck, collector.status = False, status
            request = self.ask()
            self.workspace.card(request)
            begun = time.monotonic()
            self.assertTrue(self.workspace.approve("amy", request)["acked"])
            self.assertLess(time.monotonic() - begun, 2)
            self.api.reaches(request, "approved")
        self.parts.server.line(r"traces are not taken", 30)
        self.assertEqual(self.parts.server.stop(), 0)

    def test_WhatWaitsIsSentBeforeTheServerEnds(self):
        collector = Collector()
        self.begin(collector)
        request = self.ask()
        self.workspace.card(request)
        self.workspace.approve("amy", request)
        self.assertEqual(self.parts.server.stop(), 0)
        self.assertTrue(collector.named(request, "vote"))


class Off(unittest.TestCase):
    def test_WithoutASettingNothingIsTracedAndAWrongOneIsNamed(self):
        folder = TempFolder()
        self.addCleanup(folder.remove)
        for endpoint in ("collector:4318", "ftp://collector", "http://", "http://a b"):
            parts = Parts(folder.path, environment={"COUNTERSIGN_DATABASE": "postgresql://127.0.0.1:1/x"})
            parts.environment["COUNTERSIGN_OTLP_ENDPOINT"] = endpoint
            checked = parts.verb("serve", "--check")
            self.assertNotEqual(checked.code, 0, endpoint)
            self.assertIn("COUNTERSIGN_OTLP_ENDPOINT", checked.text())


if __name__ == "__main__":
    unittest.main()
