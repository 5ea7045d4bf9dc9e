#!/usr/bin/env python3
"""Writes src/base/unicode_tables.inc from the Unicode Character Database (Debian's package unicode-data).

Usage: scripts/unicode_tables.py [FOLDER]     default /usr/share/unicode
"""
import pathlib
import re
import sys

COLUMNS = 108
LAST = 0x10FFFF
# These are blank although Unicode calls them symbols or letters: the empty pattern of Braille, the null notehead of
# music, and the full and half blank of Egyptian hieroglyphs.
BLANK_SYMBOLS = {0x2800, 0x1D159, 0x13441, 0x13442}


def ranges_of_file(path):
    """Yields first, last and the fields after them."""
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = [field.strip() for field in line.split("#")[0].split(";")]
        if len(fields) < 2:
            continue
        first, _, last = fields[0].partition("..")
        yield int(first, 16), int(last or first, 16), fields[1:]


def property_of(path, name):
    return {c for first, last, fields in ranges_of_file(path) if fields == [name] for c in range(first, last + 1)}


def characters(path):
    """Category, combining class and canonical decomposition of each assigned character."""
    categories, classes, pairs, start = {}, {}, {}, None
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split(";")
        code = int(fields[0], 16)
        if fields[1].endswith("First>"):
            start = code
            continue
        for c in range(code if start is None else start, code + 1):
            categories[c] = fields[2]
        start = None
        if fields[3] != "0":
            classes[code] = int(fields[3])
        if fields[5] and "<" not in fields[5]:
            pairs[code] = [int(part, 16) for part in fields[5].split()]
    return categories, classes, pairs


def merged(values):
    """Runs of neighbours with one value: (first, last, value). `values` maps characters to values."""
    runs = []
    for c in sorted(values):
        if runs and runs[-1][1] == c - 1 and runs[-1][2] == values[c]:
            runs[-1][1] = c
        else:
            runs.append([c, c, values[c]])
    return runs


def bridged(runs, categories):
    """Runs of one value with nothing but unassigned characters between them are one."""
    out = []
    for first, last, value in runs:
        gap = range(out[-1][1] + 1, first) if out else None
        if gap is not None and out[-1][2] == value and all(c not in categories for c in gap):
            out[-1][1] = last
        else:
            out.append([first, last, value])
    return out


def table(declaration, rows):
    lines, line = [f"constexpr {declaration}[] = {{"], "   "
    for row in rows:
        if len(line) + len(row) + 2 > COLUMNS:
            lines.append(line)
            line = "   "
        line += f" {row},"
    return lines + [line, "};"]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode")
    categories, classes, decompositions = characters(folder / "UnicodeData.txt")
    ignorable = property_of(folder / "DerivedCoreProperties.txt", "Default_Ignorable_Code_Point")
    excluded = property_of(folder / "DerivedNormalizationProps.txt", "Full_Composition_Exclusion")
    unseen = {c: True for c in range(LAST + 1)
              if c != 0x20 and (categories.get(c, "Cn")[0] == "C" or categories[c][0] == "Z" or c in ignorable
                                or c in BLANK_SYMBOLS)}
    marks = {c: True for c, category in categories.items() if category[0] == "M" and c not in unseen}
    # Normalization (NFC) always writes these in another way.
    renamed = {c: True for c in excluded if c not in unseen}
    pairs = sorted(tuple(parts) for c, parts in decompositions.items() if len(parts) == 2 and c not in excluded)
    scripts = {c: fields[0] for first, last, fields in ranges_of_file(folder / "Scripts.txt")
               for c in range(first, last + 1)
               if fields[0] not in ("Common", "Inherited") and categories.get(c, "Cn")[0] == "L"}
    names = sorted(set(scripts.values()))
    numbers = {c: names.index(name) for c, name in scripts.items()}
    version = re.search(r"-(\d+\.\d+\.\d+)\.txt", (folder / "Scripts.txt").read_text(encoding="utf-8")).group(1)
    lines = [f"// Written by scripts/unicode_tables.py from the Unicode Character Database, version {version}.", "",
             "// Controls, formats, private, unassigned, blank (but for the space) and default-ignorable characters."]
    lines += table("Range unseen_ranges", [f"{{{f:#X}, {l:#X}}}" for f, l, _ in merged(unseen)])
    lines += ["", "// Marks: they are drawn onto the character before them."]
    lines += table("Range mark_ranges", [f"{{{f:#X}, {l:#X}}}" for f, l, _ in merged(marks)])
    lines += ["", "// Characters for which normalization form C always writes others, which look the same."]
    lines += table("Range renamed_ranges", [f"{{{f:#X}, {l:#X}}}" for f, l, _ in merged(renamed)])
    lines += ["", "// Canonical combining classes other than 0."]
    lines += table("Numbered class_ranges", [f"{{{f:#X}, {l:#X}, {v}}}" for f, l, v in merged(classes)])
    lines += ["", "// Pairs for which normalization form C writes one character, which looks the same; Hangul is computed."]
    lines += table("Pair composed_pairs", [f"{{{a:#X}, {b:#X}}}" for a, b in pairs])
    lines += ["", "constexpr std::string_view script_names[] = {"]
    lines += [line for line in table("x", [f'"{name.replace("_", " ")}"' for name in names])[1:]]
    lines += ["", "// The scripts of letters, by their places in script_names."]
    lines += table("Numbered script_ranges",
                   [f"{{{f:#X}, {l:#X}, {v}}}" for f, l, v in bridged(merged(numbers), categories)])
    target = pathlib.Path(__file__).resolve().parent.parent / "src" / "base" / "unicode_tables.inc"
    target.write_text("\n".join(lines).replace("0X", "0x") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
