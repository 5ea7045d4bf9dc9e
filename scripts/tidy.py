#!/usr/bin/env python3
"""House rules that no compiler checks. Runs as a test; each finding names the rule and what to do instead.

Usage: scripts/tidy.py [ROOT]     exit 1 when something is found
       scripts/tidy.py --self-test
"""
import pathlib
import re
import sys

# Which layer may include which: includes point down, never sideways. Adapters know app and what is below
# it, never one another; `cli` is the composition root and knows all factories.
DOWN = ["base", "core", "rt", "net", "wire", "app"]
ADAPTERS = ["http", "identity", "slack", "webhooks", "sandbox", "pg", "policy", "config"]
MAY_INCLUDE = {
    "base": {"base"},
    "core": {"base", "core"},
    "rt": {"base", "core", "rt"},
    "net": {"base", "core", "rt", "net"},
    "wire": {"base", "core", "rt", "app", "wire"},
    "app": {"base", "core", "rt", "app"},
    "cli": set(DOWN) | set(ADAPTERS) | {"adapters", "cli"},
    "adapters": set(DOWN),
    **{name: set(DOWN) | {name, "adapters"} for name in ADAPTERS},
}

# Third-party headers and the only places that may see them.
HOMES = [
    (r"<nlohmann/", {"src/wire/"}, "JSON text belongs to wire; use core::Value and wire::parse_json"),
    (r"<pqxx/", {"src/pg/", "tests/pg/", "tests/support/postgres.cpp"}, "only pg speaks to PostgreSQL"),
    (r"<(boost/beast|boost/asio/ssl)", {"src/net/", "include/countersign/net/byte_stream.hpp", "src/third_party_impl/",
                                        "tests/net/", "tests/fuzz/"}, "only net speaks Beast and TLS"),
    (r"<spdlog/", {"src/base/log.cpp"}, "log through base/log.hpp"),
    (r"<yaml-cpp/", {"src/policy/", "src/config/"}, "only the policy and configuration loaders read YAML"),
    (r"<openssl/", {"src/base/", "src/net/", "tests/net/"}, "use base/crypto.hpp"),
]

BANNED = [
    (r"\bshared_from_this\b", "", "locals of a coroutine and single owners keep things alive"),
    (r"\bstd::this_thread::sleep_(for|until)\b", "^(src|include)/", "wait through rt::Timers, with a deadline"),
    (r'#include <boost/(asio|beast)\.hpp>', "", "no umbrella headers: include what is used"),
    (r"\b(system|steady|high_resolution)_clock::now\b", "^(src|include)/(?!rt/|base/log)", "time comes through rt::Clock"),
    (r"\bstd::(random_device|mt19937)", "^(src|include)/(?!rt/)", "chance comes through rt::Entropy"),
    (r"\b(rand|srand|time)\(\s*(NULL|nullptr|0)?\s*\)", "^(src|include)/", "chance and time come through doors"),
    (r"\basio::detached\b", "^(src|include)/(?!rt/)", "start tasks in a TaskGroup, which waits for them"),
    (r"\bstd::(cout|cerr)\b", "^src/(?!cli/)", "log through base/log.hpp; only cli talks to people"),
    (r"\bTODO\b|\bFIXME\b|\bXXX\b", "", "finish it, or say in the docs that it is missing"),
    (r"\b(assert)\s*\(", "^(src|include)/", "COUNTERSIGN_CHECK stays on in every build"),
]

LINE_COLUMNS_MAX = 110
HEADER_LINES_MAX = 300
FUNCTION_LINES_MAX = 90
SOURCE_LINES_MAX = 1100


def blank(text, pattern):
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def code_only(text):
    """Comments and the insides of strings replaced by spaces; line numbers stay."""
    text = blank(text, r'R"(\w*)\(.*?\)\1"')
    return blank(text, r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'')


def layer_of(path):
    parts = path.split("/")
    if parts[0] == "include" and len(parts) > 3:
        return parts[2]
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    return None


def include_findings(path, text):
    layer = layer_of(path)
    for number, line in enumerate(text.splitlines(), 1):
        if m := re.match(r'\s*#include "countersign/(\w+)/', line):
            if layer in MAY_INCLUDE and m.group(1) not in MAY_INCLUDE[layer]:
                yield number, f"{layer} may not include countersign/{m.group(1)}: includes point down (docs/architecture.md)"
        elif m := re.match(r'\s*#include "(\w+)/', line):
            if layer and m.group(1) != layer and m.group(1) not in ("countersign",):
                yield number, f"{layer} may not include private headers of {m.group(1)}"
        for pattern, homes, instead in HOMES:
            if re.search(r"#include " + pattern, line) and not any(path.startswith(h) for h in homes):
                yield number, f"{pattern.strip('<')} is not for this place: {instead}"


def banned_findings(path, code):
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, where, instead in BANNED:
            if re.search(pattern, line) and (not where or re.search(where, path)):
                yield number, f"banned here: {re.search(pattern, line).group()}: {instead}"


def await_findings(code):
    for m in re.finditer(r"\b(if|while|switch|for)\s*\(", code):
        depth, end = 0, m.end() - 1
        while end < len(code):
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
            if depth == 0:
                break
        condition = code[m.end():end - 1]
        if "co_await" in condition:
            yield code.count("\n", 0, m.start()) + 1, f"co_await inside `{m.group(1)} (…)`: let it stand alone in its statement"
    for m in re.finditer(r"\?[^:;{}]*\bco_await\b", code):
        yield code.count("\n", 0, m.start()) + 1, "co_await in a branch of ?: : let it stand alone in its statement"


def size_findings(path, text, code):
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX and "http" not in line and 'R"' not in line:
            yield number, f"line longer than {LINE_COLUMNS_MAX} columns"
    if path.endswith(".hpp") and len(lines) > HEADER_LINES_MAX:
        yield 1, f"header longer than {HEADER_LINES_MAX} lines: split it by reader"
    if path.startswith("src/") and len(lines) > SOURCE_LINES_MAX:
        yield 1, f"source longer than {SOURCE_LINES_MAX} lines: split it by subject"
    if not path.startswith("src/"):
        return
    start = None
    for number, line in enumerate(code.splitlines(), 1):
        # A definition at namespace or class level opens with `{` at the end of an unindented (or once
        # indented, for members in headers) line and closes with `}` in column 0.
        if start is None and re.match(r"^[A-Za-z_~].*\)[^;]*\{\s*$|^[ ]{4,}.*\)[^;]*\{\s*$", line) and not line.startswith("    "):
            start = number
        elif start is not None and line.startswith("}"):
            if number - start + 1 > FUNCTION_LINES_MAX:
                yield start, f"function of {number - start + 1} lines (at most {FUNCTION_LINES_MAX}): give its steps names"
            start = None


def text_findings(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"/work/|registry\.npmjs|deb\.debian", line):
            yield number, "this machine's paths and hosts do not belong here"


def check(path, text):
    found = list(text_findings(path, text))
    if path.endswith((".hpp", ".cpp")):
        code = code_only(text)
        found += include_findings(path, text)
        found += banned_findings(path, code)
        found += await_findings(code)
        found += size_findings(path, text, code)
    return found


SELF_TEST = [
    ("src/core/a.cpp", '#include "countersign/net/http.hpp"\n', "may not include countersign/net"),
    ("src/slack/a.cpp", '#include "pg/pool.hpp"\n', "private headers of pg"),
    ("src/app/a.cpp", "#include <nlohmann/json.hpp>\n", "JSON text belongs to wire"),
    ("src/app/a.cpp", "auto t = std::chrono::system_clock::now();\n", "rt::Clock"),
    ("src/app/a.cpp", "if (co_await f()) {\n}\n", "stand alone"),
    ("src/app/a.cpp", "x = ok ? co_await f() : 1;\n", "stand alone"),
    ("src/app/a.cpp", "// " + "x" * 120 + "\n", "longer than"),
    ("src/app/a.cpp", "void f() {\n" + "    g();\n" * 100 + "}\n", "function of"),
    ("src/app/a.cpp", "assert(x);\n", "COUNTERSIGN_CHECK"),
]


def self_test():
    for path, text, expected in SELF_TEST:
        messages = [why for _, why in check(path, text)]
        if not any(expected in why for why in messages):
            sys.exit(f"self-test: {expected!r} not found for {text!r}: {messages}")
    clean = check("src/app/a.cpp", '#include "countersign/core/ids.hpp"\n// time(NULL) in a comment\nauto x = 1;\n')
    if clean:
        sys.exit(f"self-test: findings in clean code: {clean}")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    bad = 0
    for folder in ("include", "src", "tests", "bench", "scripts", "docs", "examples", "manifests", "migrations", ".ci"):
        for path in sorted((root / folder).rglob("*")):
            if not path.is_file() or path.suffix not in (".hpp", ".cpp", ".py", ".sh", ".md", ".sql", ".js", ".mjs", ".yaml", ".json", ".html", ".css", "") \
                    or "node_modules" in path.parts or path.name == "tidy.py":
                continue
            try:
                text = path.read_text()
            except UnicodeDecodeError:
                continue
            name = str(path.relative_to(root))
            for number, why in check(name, text):
                print(f"{name}:{number}: {why}")
                bad += 1
    print(f"{bad} findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
