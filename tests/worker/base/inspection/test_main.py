"""The page of rewrites, from a tiny checkpoint."""

from pathlib import Path

from worker.base.inspection.__main__ import looked_at, page
from worker.base.texts.handmade import handmade_inputs


def test_a_page_has_every_input_its_rewrites_and_the_counts(tiny_t5: Path) -> None:
    inputs = handmade_inputs()[:2]
    looked = list(looked_at(tiny_t5, inputs))
    text = page(looked)
    assert all(f"**{one.text}**" in text for one in inputs)
    assert all(card in text for one in looked for card in (one.best, *one.shown))
    assert "## polite" in text
    assert f"| failure | of 2 best rewrites | of {sum(len(one.shown) for one in looked)} shown |" in text
