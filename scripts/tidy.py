#!/usr/bin/env python3
"""House rules that no compiler checks. Runs as a test; each finding names the rule and what to do instead.

Usage: scripts/tidy.py [ROOT]     exit 1 when something is found
       scripts/tidy.py --self-test
"""
import pathlib
import re
import sys

# Which layer may include which: includes point down, never sideways. Adapters know app and what is below
# it, never one another; `server` knows all factories and builds everything; `cli` has the verbs.
DOWN = ["base", "pages", "tlog", "core", "rt", "net", "wire", "tokens", "streaming", "agents", "app"]
ADAPTERS = ["http", "evidence", "identity", "slack", "teams", "webhooks", "stream_out", "otlp", "on_call", "web", "sandbox", "pg", "policy", "config"]
MAY_INCLUDE = {
    "base": {"base"},
    "pages": {"base", "pages"},
    "tlog": {"base", "tlog"},
    "core": {"base", "core"},
    "rt": {"base", "core", "rt"},
    "net": {"base", "core", "rt", "net"},
    "wire": {"base", "tlog", "core", "rt", "app", "wire"},
    "tokens": {"base", "core", "rt", "net", "wire", "tokens"},
    "streaming": {"base", "core", "rt", "net", "wire", "streaming"},
    "agents": {"base", "core", "wire", "agents"},
    "app": {"base", "tlog", "core", "rt", "app"},
    "server": set(DOWN) | {"adapters", "server"},
    "cli": set(DOWN) | {"adapters", "server", "cli"},
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
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
PARAMETERS_MAX = 6

# Longer files, with the reason for each.
LONG_FILES = {
    "tests/core/property_test.cpp": "a second implementation of the rules, which is read beside the first as a whole",
}


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


# ---- the shape of C++: which functions there are, where they end, what they take

CLASS_HEAD = re.compile(r"(?:^|\s)(?:class|struct|union)\b(?![^(]*\()")
NOT_A_FUNCTION = re.compile(r"^(?:if|for|while|switch|catch|return|static_assert|using|typedef|friend class)\b")


def matching(code, start):
    """The position behind the bracket that closes the one at `start`."""
    closes = {"(": ")", "{": "}", "[": "]"}
    depth, opened, closed = 0, code[start], closes[code[start]]
    for at in range(start, len(code)):
        depth += (code[at] == opened) - (code[at] == closed)
        if depth == 0:
            return at + 1
    return len(code)


def parameter_list(head):
    """The text between the parentheses of the function that `head` declares; None where it declares none."""
    angles = 0
    for at, c in enumerate(head):
        before = head[:at].rstrip()
        if c == "<" and re.search(r"\w$", before) and not before.endswith("operator"):
            angles += 1
        elif c == ">" and angles > 0 and head[at - 1] != "-":
            angles -= 1
        elif c == "=" and angles == 0 and not re.search(r"operator\W*$", before):
            return None
        elif c == "(" and angles == 0:
            name = re.search(r"([~\w]+|operator\s*\S+|operator\(\))$", before)
            if not name or name[1] in ("requires", "noexcept", "decltype", "alignas", "explicit", "defined", "__attribute__"):
                continue
            return head[at + 1:matching(head, at) - 1]
    return None


def count_parameters(text):
    if not text.strip() or text.strip() == "void":
        return 0
    depth, count = 0, 1
    for at, c in enumerate(text):
        depth += (c in "([{<") - (c in ")]}" or (c == ">" and text[at - 1] != "-"))
        count += c == "," and depth == 0
    return count


def functions(code):
    """Every function that is declared at the level of namespaces and classes: where its head begins, its parameter list,
    where its body begins and where that ends (None, None where it has none)."""
    code = re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group()), code)
    at, start = 0, 0
    while at < len(code):
        c = code[at]
        if c in "([":
            at = matching(code, at)
            continue
        if c not in "{};":
            at += 1
            continue
        raw = code[start:at]
        begins = start + re.match(r"(?:\s|\b(?:public|private|protected)\s*:)*", raw).end()
        head = code[begins:at].strip()
        head = re.sub(r"^template\s*<[^{}]*?>\s*(?=[\w\[~])", "", head)
        parameters = None if NOT_A_FUNCTION.match(head) else parameter_list(head)
        if c == "{" and parameters is None:
            is_scope = re.match(r"^(?:inline\s+)?namespace\b|^extern\s", head) or CLASS_HEAD.search(head)
            if is_scope and "=" not in head.split("{")[0].replace("operator", ""):
                at += 1
                start = at
            else:
                at = matching(code, at)
            continue
        if c == "{":
            is_initializer = re.search(r"\)\s*(?:noexcept\s*)?:[^:]", head) and re.search(r"[\w>]$", head)
            end = matching(code, at)
            if is_initializer:
                at = end
                continue
            yield begins, parameters, at, end
            at = start = end
            continue
        if c == ";" and parameters is not None:
            yield begins, parameters, None, None
        at += 1
        start = at


def line_of(code, at):
    return code.count("\n", 0, at) + 1


def size_findings(path, text, code):
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX and "http" not in line and 'R"' not in line:
            yield number, f"line longer than {LINE_COLUMNS_MAX} columns"
    if path.startswith("include/") and len(lines) > HEADER_LINES_MAX:
        yield 1, f"header longer than {HEADER_LINES_MAX} lines: split it by reader"
    if len(lines) > FILE_LINES_MAX and path not in LONG_FILES:
        yield 1, f"file of {len(lines)} lines (at most {FILE_LINES_MAX}): split it by subject"
    for begins, parameters, body, end in functions(code):
        length = line_of(code, end) - line_of(code, begins) + 1 if body is not None else 0
        if length > FUNCTION_LINES_MAX:
            yield line_of(code, begins), f"function of {length} lines (at most {FUNCTION_LINES_MAX}): give its steps names"
        count = count_parameters(parameters)
        if count > PARAMETERS_MAX:
            yield line_of(code, begins), f"{count} parameters (at most {PARAMETERS_MAX}): give what belongs together a type"


# ---- comments

# A comment that begins like this says something of a subject that it does not name.
FRAGMENT = re.compile(
    r"^(?:Of (?!course\b)|The same(?: of| with| for| as| in| but|,|\.|:)|Likewise|Also (?:of|for|what|where|when)\b|Else\b|Whether\b|"
    r"Only (?:where|when|now|for|by|beside|to|if)\b|Not (?:a|an|the|for|of|by|to|in|owned|strict)\b|"
    r"(?:By|From|To|As|With|Without|For|At|In|On|Against|Behind|Past|Until|Between|Because)\b[^,.]*[.:]|"
    r"(?:A|An|One|Two|Some|Every|Everything|Everybody|Somebody|Whoever|All|Both|The) [^,;:]*$)")
VERB = re.compile(
    r"\b(?:is|are|was|were|be|has|have|had|does|do|did|can|could|may|might|must|will|would|shall|should|need|needs|\w+n't|cannot|"
    r"(?!this|its|always|perhaps|besides|towards|less|across|\w*ness|\w*us\b|\w*ss\b)\w+(?:es|[bcdfghklmnpqrtvwy]s))\b")


HAS_NO_SUBJECT = re.compile(r"^(?:Of|The same|Likewise|Also|Else|Whether|Only|Not)\b")


def is_fragment(comment):
    """As far as a script can tell: what it lets pass may still be one."""
    first = re.split(r"(?<=[.:;?!])\s", comment)[0]
    if FRAGMENT.match(first) is None:
        return False
    return HAS_NO_SUBJECT.match(first) is not None or VERB.search(first) is None


def comment_findings(path, text):
    """Comments on lines of their own are whole sentences; one behind code may be a phrase about that line."""
    begins, words = 0, []
    for number, line in enumerate(text.splitlines() + [""], 1):
        m = re.match(r"^\s*//+ ?(.*)$", line)
        if m:
            begins = begins if words else number
            words.append(m[1])
            continue
        comment = " ".join(words).strip()
        words = []
        if not comment or re.match(r"^(?:----|clang-format|NOLINT)", comment):
            continue
        small = re.match(r"^[a-z][a-z]*[ ,]", comment) and not path.startswith("tests/")
        if not (small or is_fragment(comment)):
            continue
        if small:
            yield begins, "a comment on a line of its own is a whole sentence and begins with a capital letter"
        else:
            yield begins, f"a fragment: say in a whole sentence what `{comment[:40]}…` is about"


# ---- include/ and src/ mirror each other

def mirror_findings(paths, read):
    """`paths` are all files; a source has a header of its own name, and a public header that leaves a function to a source
    has a source of its own name."""
    for path in sorted(paths):
        layer, _, name = path.removeprefix("include/countersign/").removeprefix("src/").partition("/")
        if layer not in DOWN:
            continue
        if path.startswith("src/") and path.endswith(".cpp"):
            stem = f"{layer}/{name.removesuffix('.cpp')}.hpp"
            here = f"include/countersign/{stem}" in paths or f"src/{stem}" in paths
            if not here:
                yield path, 1, f"a source without a header of its name: declare what it defines in {stem}"
        elif path.startswith("include/") and f"src/{layer}/{name.removesuffix('.hpp')}.cpp" not in paths:
            code = code_only(read(path))
            for begins, _, body, _ in functions(code):
                head = code[begins:].partition(";")[0]
                elsewhere = body is None and not re.search(r"=\s*(?:0|default|delete)\s*$|\bfriend\b|->", head)
                if elsewhere:
                    yield path, line_of(code, begins), f"defined in a source of another name: move it to src/{layer}/{name.removesuffix('.hpp')}.cpp"


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
        found += comment_findings(path, text)
    return found


SELF_TEST = [
    ("src/core/a.cpp", '#include "countersign/net/http.hpp"\n', "may not include countersign/net"),
    ("src/slack/a.cpp", '#include "pg/pool.hpp"\n', "private headers of pg"),
    ("src/app/a.cpp", "#include <nlohmann/json.hpp>\n", "JSON text belongs to wire"),
    ("src/app/a.cpp", "auto t = std::chrono::system_clock::now();\n", "rt::Clock"),
    ("src/app/a.cpp", "if (co_await f()) {\n}\n", "stand alone"),
    ("src/app/a.cpp", "x = ok ? co_await f() : 1;\n", "stand alone"),
    ("src/app/a.cpp", "// " + "x" * 120 + "\n", "longer than"),
    ("src/app/a.cpp", "assert(x);\n", "COUNTERSIGN_CHECK"),
    ("docs/a.md", "see /work/shared\n", "do not belong here"),
    ("include/countersign/app/a.hpp", "\n" * 301, "header longer than 300"),
    ("src/app/a.cpp", "\n" * 501, "file of 501 lines"),
    ("tests/app/a.cpp", "\n" * 501, "file of 501 lines"),
    # A function is found wherever it stands: by itself, in a class, behind an initializer list, as a test.
    ("src/app/a.cpp", "void f() {\n" + "    g();\n" * 69 + "}\n", "function of 71 lines"),
    ("src/app/a.cpp", "namespace {\nclass A final : public B {\n  public:\n    int f() const override {\n" + "        g();\n" * 69
     + "    }\n};\n}\n", "4: function of 71 lines"),
    ("src/app/a.cpp", "A::A(int x)\n    : B(x), y{x}, z_(x) {\n" + "    g();\n" * 69 + "}\n", "function of 72 lines"),
    ("src/app/a.cpp", "template <class T>\nauto f(T t) -> std::vector<T> {\n" + "    g();\n" * 69 + "}\n", "function of 7"),
    ("tests/app/a.cpp", "TEST(Suite, Name) {\n" + "    g();\n" * 69 + "}\n", "function of 71 lines"),
    ("src/app/a.hpp", "int f(int a, B<int, int> b, int c, int d, int e, int g, int h = k(1, 2));\n", "7 parameters"),
    ("src/app/a.cpp", "struct A {\n    A(int a, int b, int c, int d, int e, int f, int g) : a_(a) {}\n};\n", "2: 7 parameters"),
    ("src/app/a.cpp", "// Of what is written only where it is so.\nint a;\n", "a fragment"),
    ("src/app/a.cpp", "// The same of one of its parts.\nint a;\n", "a fragment"),
    ("src/app/a.cpp", "// Whether it can be done.\nbool a();\n", "a fragment"),
    ("src/app/a.cpp", "// By any thread.\nint a;\n", "a fragment"),
    ("src/app/a.cpp", "// nobody waits\nint a;\n", "begins with a capital letter"),
]

CLEAN = [
    ("src/app/a.cpp", '#include "countersign/core/ids.hpp"\n// Nothing calls time(NULL) here.\nauto x = 1;\n'),
    ("src/app/a.cpp", "void f() {\n" + "    g();\n" * 68 + "}\n"),
    # What is long is the namespace, the class or the table, not a function.
    ("src/app/a.cpp", "namespace a {\nstruct B {\n" + "    int b = 1;\n" * 80 + "};\nconstexpr C table[] = {\n" + "    {1, f(2)},\n" * 80
     + "};\n}\n"),
    ("src/app/a.hpp", "int f(int a, std::map<int, int> b, int c, std::function<int(int, int)> d, int e, int g);\n"),
    ("src/app/a.cpp", "int x = f(1, 2, 3, 4, 5, 6, 7);\n"),
    ("src/app/a.cpp", "// The lock is a statement of its own.\nint a;  // of one lane\n"),
    ("src/app/a.cpp", "// ---- reading\nint a;\n"),
]

MIRROR_SELF_TEST = [
    ({"src/app/a.cpp": ""}, "src/app/a.cpp", "without a header of its name"),
    ({"include/countersign/app/a.hpp": "namespace b {\nint f(int a);\n}\n"}, "include/countersign/app/a.hpp", "another name"),
    ({"include/countersign/app/a.hpp": "struct A {\n    virtual int f() = 0;\n    A(const A&) = delete;\n};\n"}, None, None),
    ({"include/countersign/app/a.hpp": "int f(int a);\n", "src/app/a.cpp": ""}, None, None),
    ({"src/app/a.hpp": "", "src/app/a.cpp": "", "src/pg/b.cpp": ""}, None, None),
]


def self_test():
    for path, text, expected in SELF_TEST:
        messages = [f"{number}: {why}" for number, why in check(path, text)]
        if not any(expected in why for why in messages):
            sys.exit(f"self-test: {expected!r} not found for {text!r}: {messages}")
    for path, text in CLEAN:
        if found := check(path, text):
            sys.exit(f"self-test: findings in clean code {text!r}: {found}")
    for files, expected_path, expected in MIRROR_SELF_TEST:
        found = list(mirror_findings(set(files), files.get))
        if expected is None and found or expected and not any(p == expected_path and expected in why for p, _, why in found):
            sys.exit(f"self-test: {expected!r} not what was found in {files!r}: {found}")
    for name in LONG_FILES:
        if not (pathlib.Path(__file__).parent.parent / name).is_file():
            sys.exit(f"self-test: {name} is excepted and does not exist: take it off the list")


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
    headers_and_sources = {str(p.relative_to(root)) for f in ("include", "src") for p in (root / f).rglob("*.?pp")}
    for name, number, why in mirror_findings(headers_and_sources, lambda name: (root / name).read_text()):
        print(f"{name}:{number}: {why}")
        bad += 1
    print(f"{bad} findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
