#!/usr/bin/env python3
"""The cards for Teams, as the golden files hold them, are valid by Microsoft's JSON Schema of Adaptive Cards 1.5.

Teams' own member `msteams` is no part of that schema. Skipped where the schema is not beside the project.
"""
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT.parent / "shared" / "reference" / "schemas" / "adaptive-card-1.5.json"
DEBIANS = "/usr/bin/python3"
SKIPPED = 77

try:
    import jsonschema
except ImportError:
    if sys.executable != DEBIANS and os.path.exists(DEBIANS) and "again" not in sys.argv:
        os.execv(DEBIANS, [DEBIANS, __file__, "again"])
    print("skipped: python3-jsonschema is not installed")
    sys.exit(SKIPPED)
if not SCHEMA.exists():
    print(f"skipped: {SCHEMA} is not there")
    sys.exit(SKIPPED)

schema = json.loads(SCHEMA.read_text())
validator = jsonschema.Draft6Validator({**schema, "anyOf": [{"$ref": "#/definitions/AdaptiveCard"}]})
cards = sorted((ROOT / "tests" / "wire" / "golden").glob("teams_*.json"))
problems = [] if cards else ["there are no golden cards"]
if validator.is_valid({"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "CodeBlock"}]}):
    problems.append("the schema takes what it must not take")
for path in cards:
    card = json.loads(path.read_text())
    card.pop("msteams", None)
    problems += [f"{path.name}: {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(card)]
print("\n".join(problems) or f"{len(cards)} cards are valid")
sys.exit(1 if problems else 0)
