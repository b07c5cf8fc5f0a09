"""Makes the typeface of the pages out of its package, once after the installation: `python -m app.launch.typeface`.

The package holds all of Inter, 880 kB in every script and size. What the pages get are its Latin letters in the weights
from regular to bold, in the format of browsers: about 30 kB.
"""

from __future__ import annotations

import logging
from importlib.resources import as_file, files
from pathlib import Path

from fontTools import subset
from fontTools.varLib.instancer import instantiateVariableFont

from app.config import TYPEFACE

LETTERS = "U+20-7E,U+A0-17F,U+192,U+2BC,U+2C6,U+2DA,U+2DC,U+3B1,U+2010-2027,U+202F,U+2030,U+2032,U+2033,U+2039,U+203A"
SIGNS = "U+20AC,U+2122,U+2190-2193,U+2212,U+2248,U+2260,U+2264,U+2265,U+2713,U+FFFD"
FEATURES = ("kern", "ccmp", "locl", "mark", "mkmk", "tnum")
WEIGHTS = (400, 700)
TEXT_SIZE = 14
"""Inter has a shape for each size from 14 to 32; this one reads well where it is small."""


def build(target: Path) -> None:
    """Write the typeface to `target`; what is there already is replaced once the new one is whole."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells of every table that it leaves out
    with as_file(files("fontpkg_inter") / "files" / "Inter[opsz,wght].ttf") as source:
        options = subset.Options(layout_features=list(FEATURES))
        letters = subset.Subsetter(options)
        letters.populate(unicodes=subset.parse_unicodes(f"{LETTERS},{SIGNS}"))
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        with subset.load_font(source, options) as font:
            letters.subset(font)
            instantiateVariableFont(font, {"opsz": TEXT_SIZE, "wght": WEIGHTS}, inplace=True)
            font.flavor = "woff2"
            font.save(part)
    part.replace(target)


if __name__ == "__main__":
    build(TYPEFACE)
