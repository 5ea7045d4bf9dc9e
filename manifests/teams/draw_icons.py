#!/usr/bin/env python3
"""Draws the two icons of the Teams app beside this script: color.png (192 x 192) and outline.png (32 x 32, white on
nothing). A stroke that ticks, and a second one that signs below it."""
import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).resolve().parent
SAMPLES = 4  # a side of each pixel: edges come out smooth
TEAL, WHITE = (15, 82, 87), (255, 255, 255)
# In parts of the side.
STROKES = [((0.24, 0.46), (0.42, 0.63)), ((0.42, 0.63), (0.77, 0.25)), ((0.27, 0.79), (0.73, 0.79))]
WIDTH = 0.05


def near(x, y, stroke):
    (ax, ay), (bx, by) = stroke
    length = (bx - ax) ** 2 + (by - ay) ** 2
    along = max(0.0, min(1.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length))
    return (x - ax - along * (bx - ax)) ** 2 + (y - ay - along * (by - ay)) ** 2 <= WIDTH ** 2


def inside_square(x, y, corner=0.18):
    dx, dy = max(corner - x, x - 1 + corner, 0.0), max(corner - y, y - 1 + corner, 0.0)
    return dx * dx + dy * dy <= corner * corner


def share(side, column, row, covers):
    """How much of a pixel is covered, from 0 to 1."""
    step = 1.0 / SAMPLES
    hits = sum(covers((column + (i + 0.5) * step) / side, (row + (j + 0.5) * step) / side)
               for i in range(SAMPLES) for j in range(SAMPLES))
    return hits / SAMPLES ** 2


def on_stroke(x, y):
    return any(near(x, y, stroke) for stroke in STROKES)


def color_pixel(side, column, row):
    ink = share(side, column, row, on_stroke)
    mixed = tuple(round(t + (w - t) * ink) for t, w in zip(TEAL, WHITE))
    return (*mixed, round(255 * share(side, column, row, inside_square)))


def outline_pixel(side, column, row):
    return (*WHITE, round(255 * share(side, column, row, on_stroke)))


def png(side, pixel):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(v for column in range(side) for v in pixel(side, column, row)) for row in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    (HERE / "color.png").write_bytes(png(192, color_pixel))
    (HERE / "outline.png").write_bytes(png(32, outline_pixel))
