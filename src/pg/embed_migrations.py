"""Writes the migrations, as they are, into a C++ source: embed_migrations.py OUT FILE…"""
import pathlib
import sys


def main() -> None:
    out, *files = sys.argv[1:]
    lines = ['#include "pg/migrations.hpp"', "", "namespace countersign::pg {", ""]
    names = []
    for file in sorted(files):
        path = pathlib.Path(file)
        names.append(path.stem)
        # In pieces: compilers limit the length of one literal.
        text = path.read_text(encoding="utf-8")
        pieces = [text[i:i + 8000] for i in range(0, len(text), 8000)] or [""]
        lines.append(f"static const std::string_view text_{len(names)} =")
        lines += [f'R"_sql_({piece})_sql_"' for piece in pieces]
        lines.append(";")
    lines.append("")
    lines.append("const std::vector<Migration>& built_in_migrations() {")
    lines.append("    static const std::vector<Migration> all{")
    lines += [f'        {{"{name}", std::string(text_{i + 1})}},' for i, name in enumerate(names)]
    lines += ["    };", "    return all;", "}", "", "}  // namespace countersign::pg", ""]
    pathlib.Path(out).write_text("\n".join(lines), encoding="utf-8")


main()
