"""docs/openapi.json as a judge: whether a call and its answer are as the document says. What the document leaves open
for later versions is closed here: an undeclared path, status, member or query parameter is a finding."""
import json
import pathlib
import re
import urllib.parse

import jsonschema

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "openapi.json"

formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time")
def is_time(text):
    return not isinstance(text, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text) is not None


def closed(schema, part=False):
    """The schema with undeclared members refused; `part`: of an allOf, whose whole says what is allowed."""
    if isinstance(schema, list):
        return [closed(each, part) for each in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for name, value in schema.items():
        if name == "properties":
            out[name] = {member: closed(each) for member, each in value.items()}
        else:
            out[name] = closed(value, part=name == "allOf" or (part and name == "oneOf"))
    if "properties" in schema and not part:
        out.setdefault("additionalProperties", False)
    return out


class Operation:
    def __init__(self, path, method, item, shared):
        self.path, self.method, self.item = path, method, item
        self.parameters = shared + item.get("parameters", [])
        self.name = f"{method} {path}"


class Document:
    def __init__(self, document):
        self.document = document
        self.components = {**document["components"], "schemas": {
            name: closed(schema) for name, schema in document["components"]["schemas"].items()}}
        self.validators = {}
        self.operations = [
            Operation(path, method.upper(), item, self.resolved(parts.get("parameters", [])))
            for path, parts in document["paths"].items() for method, item in parts.items() if method != "parameters"]
        # A hole is one segment, but for a tile's path, whose slashes are its own.
        holes = {"path": ".+"}
        self.patterns = [(operation, re.compile(re.sub(r"\\\{(\w+)\\\}", lambda m: holes.get(m[1], "[^/]+"),
                                                       re.escape(operation.path))))
                         for operation in self.operations]
        self.answered = set()  # (operation, status) that were seen

    @classmethod
    def of_this_tree(cls):
        return cls(json.loads(DOCUMENT.read_text()))

    def codes(self):
        """Every (status, code) that a problem document may have."""
        found = set()

        def look(schema):
            if isinstance(schema, list):
                for each in schema:
                    look(each)
            elif isinstance(schema, dict):
                members = schema.get("properties", {})
                if "const" in members.get("status", {}) and "enum" in members.get("code", {}):
                    found.update((members["status"]["const"], code) for code in members["code"]["enum"])
                for each in schema.values():
                    look(each)
        look(self.document["components"]["responses"])
        return found

    def resolved(self, thing):
        if isinstance(thing, list):
            return [self.resolved(each) for each in thing]
        while isinstance(thing, dict) and "$ref" in thing:
            _, _, kind, name = thing["$ref"].split("/")
            thing = self.components[kind][name]
        return thing

    def check(self, schema, value, what):
        """AssertionError with the place, unless `value` is as `schema` says."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator(
                {**closed(schema), "components": self.components}, format_checker=formats)
        error = jsonschema.exceptions.best_match(self.validators[key].iter_errors(value))
        if error:
            raise AssertionError(f"{what} is not as docs/openapi.json says: /{'/'.join(map(str, error.absolute_path))}: "
                                 f"{error.message[:500]}")

    def find(self, method, path):
        """The operation, or None and whether the path has others."""
        method = "GET" if method == "HEAD" else method
        fits = [operation for operation, pattern in self.patterns if pattern.fullmatch(path)]
        literal = [operation for operation in fits if operation.path == path] or fits
        return next((o for o in literal if o.method == method), None), bool(literal)

    def witness(self, method, target, body, status, fields, answer, sent_fields=None):
        """A call and its answer. `fields`: of the answer, with `get`; `answer`: its body as text."""
        path, _, query = target.partition("?")
        operation, known = self.find(method, urllib.parse.unquote(path))
        what = f"the answer {status} to {method} {target}"
        if operation is None:
            expected = 405 if known else 404
            if status not in (expected, 400, 413, 417, 431, 501, 505):
                raise AssertionError(f"{what}: docs/openapi.json has no such call")
            response = self.components["responses"]["NotFound" if status == 404 else "BadRequest" if status == 400 else
                                                    "RefusedByHttp"]
        else:
            responses = operation.item["responses"]
            response = self.resolved(responses.get(str(status), responses.get("default")))
            self.answered.add((operation.name, status))
            if 200 <= status < 300:
                self.check_call(operation, query, body, what)
        self.check_fields(response, fields, what)
        self.check_content(response, fields, answer, what, method)

    def check_call(self, operation, query, body, what):
        """What was accepted is declared."""
        declared = {p["name"]: p for p in self.resolved(operation.parameters) if p["in"] == "query"}
        for name, _ in urllib.parse.parse_qsl(query, keep_blank_values=True):
            if name not in declared and operation.path.startswith("/v1/"):
                raise AssertionError(f"{what}: the query parameter {name!r} is accepted and not declared")
        wanted = operation.item.get("requestBody")
        if wanted is None or not body:
            return
        value = body if isinstance(body, (dict, list)) else json.loads(body)
        self.check(wanted["content"]["application/json"]["schema"], value, f"the body that {what} accepted")

    def check_fields(self, response, fields, what):
        for name, declared in response.get("headers", {}).items():
            value = fields.get(name)
            if value is None and declared.get("required"):
                raise AssertionError(f"{what} lacks the header {name}")
            if value is not None:
                self.check(declared["schema"], value, f"{what}, header {name},")

    def check_content(self, response, fields, answer, what, method):
        content = response.get("content")
        if content is None:
            if answer:
                raise AssertionError(f"{what} has a body, and none is declared: {answer[:200]!r}")
            return
        media = (fields.get("Content-Type") or "").split(";")[0].strip()
        if media not in content:
            raise AssertionError(f"{what} is {media!r}; declared are {sorted(content)}")
        if media.endswith("json") and method != "HEAD":
            self.check(content[media]["schema"], json.loads(answer), what)

    def check_delivery(self, fields, body):
        """What a subscriber was sent."""
        operation = self.document["webhooks"]["event"]["post"]
        for parameter in self.resolved(operation["parameters"]):
            self.check(parameter["schema"], fields.get(parameter["name"]), f"a delivery's {parameter['name']}")
        self.check_event(body)

    def check_event(self, event):
        self.check({"$ref": "#/components/schemas/Event"}, event, "an event")

    def check_last_word(self, word):
        self.check({"$ref": "#/components/schemas/LastWord"}, word, "a stream's last word")
