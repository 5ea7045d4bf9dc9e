#!/usr/bin/env python3
"""Writes the files of the Teams app into one C++ source: embed_teams_app.py OUT FILE..."""
import pathlib
import sys


def main() -> None:
    arrays, rows = [], []
    for index, name in enumerate(sys.argv[2:]):
        file = pathlib.Path(name)
        values = ",".join(str(byte) for byte in file.read_bytes())
        arrays.append(f"constexpr unsigned char bytes{index}[] = {{{values}}};")
        rows.append(f'    {{"{file.name}", std::string(std::begin(bytes{index}), std::end(bytes{index}))}},')
    pathlib.Path(sys.argv[1]).write_text(f"""#include "cli/zip.hpp"
#include "cli/teams_app.hpp"

#include <iterator>

namespace countersign::cli {{
namespace {{

{chr(10).join(arrays)}

}}  // namespace

std::vector<ZipFile> teams_app_files() {{
    return {{
{chr(10).join(rows)}
    }};
}}

}}  // namespace countersign::cli
""", "utf-8")


main()
