#!/usr/bin/env python3
"""Writes the page's files into one C++ source: embed.py OUT FILE..."""
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8"}
PIECE_MAX = 12_000  # compilers bound the length of one literal


def literal(text: str) -> str:
    pieces = [text[i:i + PIECE_MAX] for i in range(0, len(text), PIECE_MAX)] or [""]
    joined = "\n".join(f'R"~asset~({piece})~asset~"' for piece in pieces)
    return f"std::string_view({joined}, {len(text.encode())})"  # compilers do not count long ones themselves


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    rows = []
    for name in sys.argv[2:]:
        file = pathlib.Path(name)
        path = "/" if file.name == "index.html" else "/" + file.name
        rows.append(f'    Asset{{"{path}", "{TYPES[file.suffix]}", {literal(file.read_text("utf-8"))}}},')
    out.write_text(f"""#include "sandbox/assets.hpp"

#include <array>

namespace countersign::sandbox {{

const Asset* find_asset(std::string_view path) {{
    static constexpr std::array<Asset, {len(rows)}> assets{{{{
{chr(10).join(rows)}
    }}}};
    for (const Asset& asset : assets)
        if (asset.path == path) return &asset;
    return nullptr;
}}

}}  // namespace countersign::sandbox
""", "utf-8")


main()
