"""Makes the typefaces of the pages out of their packages, once after the installation: `python -m app.launch.typeface`.

The packages hold whole families: all of Inter is 880 kB in every script and size. What the pages get are Latin letters
in the format of browsers: Inter in the weights from regular to bold, about 30 kB, and Atkinson Hyperlegible in its
regular weight, about 20 kB, which browsers load only for people who chose it for the texts on their desk.
"""

from __future__ import annotations

import logging
from importlib.resources import as_file, files
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

from app.config import TYPEFACES

LETTERS = "U+20-7E,U+A0-17F,U+192,U+2BC,U+2C6,U+2DA,U+2DC,U+3B1,U+2010-2027,U+202F,U+2030,U+2032,U+2033,U+2039,U+203A"
SIGNS = "U+20AC,U+2122,U+2190-2193,U+2212,U+2248,U+2260,U+2264,U+2265,U+2713,U+FFFD"
FEATURES = ("kern", "ccmp", "locl", "mark", "mkmk", "tnum")
WEIGHTS = (400, 700)
TEXT_SIZE = 14
"""Inter has a shape for each size from 14 to 32; this one reads well where it is small."""


def build(folder: Path) -> None:
    """Write the typefaces into `folder`; what is there already is replaced once the new one is whole."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells of every table that it leaves out
    folder.mkdir(parents=True, exist_ok=True)
    with _letters("fontpkg_inter", "Inter[opsz,wght].ttf") as font:
        instantiateVariableFont(font, {"opsz": TEXT_SIZE, "wght": WEIGHTS}, inplace=True)
        _save(font, folder / "inter.woff2")
    with _letters("fontpkg_atkinson_hyperlegible", "AtkinsonHyperlegible-Regular.ttf") as font:
        _save(font, folder / "atkinson-hyperlegible.woff2")


def _letters(package: str, name: str) -> TTFont:
    """Return a font file of a package, cut down to the letters and signs of the pages."""
    options = subset.Options(layout_features=list(FEATURES))
    letters = subset.Subsetter(options)
    letters.populate(unicodes=subset.parse_unicodes(f"{LETTERS},{SIGNS}"))
    with as_file(files(package) / "files" / name) as source:
        font = subset.load_font(source, options, lazy=False)
    letters.subset(font)
    return font


def _save(font: TTFont, target: Path) -> None:
    part = target.with_suffix(".part")
    font.flavor = "woff2"
    font.save(part)
    part.replace(target)


if __name__ == "__main__":
    build(TYPEFACES)
