#!/usr/bin/env python3
"""Writes files into one C++ source, as what a function returns: embed_files.py OUT HEADER FUNCTION FILE..."""
import pathlib
import sys


def main() -> None:
    arrays, rows = [], []
    for index, name in enumerate(sys.argv[4:]):
        file = pathlib.Path(name)
        values = ",".join(str(byte) for byte in file.read_bytes())
        arrays.append(f"constexpr unsigned char {sys.argv[3]}{index}[] = {{{values}}};")
        rows.append(f'    {{"{file.name}", std::string(std::begin({sys.argv[3]}{index}), std::end({sys.argv[3]}{index}))}},')
    pathlib.Path(sys.argv[1]).write_text(f"""#include "cli/zip.hpp"
#include "cli/{sys.argv[2]}"

#include <iterator>

namespace countersign::cli {{
namespace {{

{chr(10).join(arrays)}

}}  // namespace

std::vector<ZipFile> {sys.argv[3]}() {{
    return {{
{chr(10).join(rows)}
    }};
}}

}}  // namespace countersign::cli
""", "utf-8")


main()
