#!/usr/bin/env python3
"""Makes docs/view/*.png, results of the demo fleet as the view shows them, out of the pictures that tests/clients/test_view.py leaves.

Needs the package Pillow: `make view-pictures` brings it, and runs that test first.
"""
from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
MADE, KEPT = ROOT / "target/test/view", ROOT / "docs/view"
MOST = 60_000  # bytes of one


def main() -> int:
    KEPT.mkdir(parents=True, exist_ok=True)
    for path in sorted(MADE.glob("documentation-*.png")):
        picture = Image.open(path).convert("RGB")
        for colours in (128, 64, 32, 16):
            packed = io.BytesIO()
            picture.quantize(colours, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
            if packed.tell() <= MOST:
                break
        else:
            print(f"{path.name}: more than {MOST} bytes", file=sys.stderr)
            return 1
        name = path.name.removeprefix("documentation-")
        (KEPT / name).write_bytes(packed.getvalue())
        print(f"docs/view/{name}: {picture.width} x {picture.height}, {colours} colours, {packed.tell()} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
