"""From a file of pairs to what is trained on and scored on: what is cut, what is left out, and that it is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.formats.files.pair_files import PairFile, read_pairs_from
from models.formats.splitting import held_out_keys
from models.model_errors import PairFileError
from models.settings.sft import SFTRecipe
from models.texts.heldout import heldout_pairs
from tests.worker.conftest import RecordingProgress
from worker.training.sft.sft_data import SFTData, data_sha256, prepare_data
from worker.training.shared.checkpoint import load_tokenizer
from worker.training.shared.training_errors import DatasetError

RECIPE = SFTRecipe(dev_split=4)
LAST = "To train on: 1 pair. Held out: 1 pair (1 source)."


def pairs(*rows: tuple[str, str]) -> PairFile:
    return read_pairs_from("\n".join("\t".join(row) for row in [("source", "target"), *rows]).encode(), "a.tsv")


MANY = pairs(*((f"you fool {number} {copy}", f"you {copy}") for number in range(20) for copy in (0, 0, 1)))


def prepare(
    t5: Path, file: PairFile, recipe: SFTRecipe = RECIPE, validation: PairFile | None = None
) -> tuple[SFTData, list[str]]:
    progress = RecordingProgress()
    return prepare_data(file, validation, recipe, load_tokenizer(t5), progress), progress.lines


def test_the_dev_share_is_split_off_by_source_and_each_pair_is_used_once(tiny_t5: Path) -> None:
    data, lines = prepare(tiny_t5, MANY)
    held_out = {source for source in MANY.by_source() if held_out_keys([source], 4)}
    assert 0 < len(held_out) < 40
    assert set(data.dev_references) == held_out
    assert (len(data.train), len(data.dev)) == (40 - len(held_out), len(held_out))
    assert lines[0] == "The training data has 60 rows and 60 pairs."
    assert lines[1] == "Pairs that repeat an earlier one and are used once: 20."


def test_no_rewrite_of_a_held_out_source_is_trained_on(tiny_t5: Path) -> None:
    rows = [(f"fool {number}", f"you {rewrite}") for number in range(40) for rewrite in range(3)]
    data, _ = prepare(tiny_t5, pairs(*rows))
    tokenizer = load_tokenizer(tiny_t5)
    trained = {str(tokenizer.decode(pair.input_ids, skip_special_tokens=True)).strip() for pair in data.train}
    assert trained.isdisjoint(data.dev_references)
    assert trained | set(data.dev_references) == {f"fool {number}" for number in range(40)}
    assert all(references == ["you 0", "you 1", "you 2"] for references in data.dev_references.values())


def test_bad_rows_are_logged_with_their_lines_and_too_many_stop_it(tiny_t5: Path) -> None:
    good = [(f"fool {number}", "you") for number in range(9)]
    _, lines = prepare(tiny_t5, pairs(*good, ("x", ""), ("", "y")))
    assert "2 of 11 rows were left out: line 11 (the target is empty); line 12 (the source is empty)." in lines
    with pytest.raises(PairFileError, match="More than half"):
        prepare(tiny_t5, pairs(("a", "b"), ("x", ""), ("", "y")))


def test_a_long_source_is_cut_and_a_long_target_left_out_with_its_line(tiny_t5: Path) -> None:
    long = "stupid " * 30
    file = pairs(("you", "we"), (long, "you"), ("stop", long), ("they", "we"))
    data, lines = prepare(tiny_t5, file, SFTRecipe(dev_split=0, max_source_length=8, max_target_length=10))
    assert [len(pair.input_ids) for pair in data.train] == [2, 8, 2]
    assert all(pair.input_ids[-1] == load_tokenizer(tiny_t5).eos_token_id for pair in data.train)
    assert "Training sources cut to their first 8 tokens: 1." in lines
    assert "Training pairs left out for a target of more than 10 tokens: 1 (lines 4)." in lines


def test_nothing_left_to_train_on_is_an_error(tiny_t5: Path) -> None:
    recipe = SFTRecipe(dev_split=0, max_target_length=2)
    with pytest.raises(DatasetError, match=r"^No pair is left to train on\.$"):
        prepare(tiny_t5, pairs(("you", "stop it now"), ("we", "stop it now")), recipe)


def test_a_validation_file_takes_the_place_of_the_share_and_its_sources_are_not_trained_on(tiny_t5: Path) -> None:
    validation = pairs(("we are", "we"), ("you fool 0 0", "you"))
    data, lines = prepare(tiny_t5, MANY, validation=validation)
    assert (len(data.train), set(data.dev_references)) == (39, {"we are", "you fool 0 0"})
    assert "Pairs left out because the validation data has their source: 1." in lines


def test_without_a_dev_share_everything_is_trained_on(tiny_t5: Path) -> None:
    data, _ = prepare(tiny_t5, MANY, SFTRecipe(dev_split=0))
    assert (len(data.train), data.dev, data.dev_references) == (40, [], {})


def test_too_few_sources_for_the_hash_still_hold_one_out(tiny_t5: Path) -> None:
    file = pairs(("you", "we"), ("they", "we"))
    data, lines = prepare(tiny_t5, file, SFTRecipe(dev_split=1000))
    assert (len(data.train), len(data.dev_references)) == (1, 1)
    assert lines[-2:] == ["Only 2 source texts: one of them is held out.", LAST]
    with pytest.raises(
        DatasetError, match=r"^There is one prompt only, so none can be held out: add others or set dev_split to 0\.$"
    ):
        prepare(tiny_t5, pairs(("you", "we"), ("you", "they")))


def test_a_sample_is_drawn_by_the_seed(tiny_t5: Path) -> None:
    one, same, other = (prepare(tiny_t5, MANY, replace(RECIPE, max_samples=10, seed=seed))[0] for seed in (1, 1, 2))
    assert len(one.train) + len(one.dev) == 10
    assert one == same != other


def test_the_prefix_goes_before_every_source(tiny_t5: Path) -> None:
    file = pairs(("you", "we"), ("they", "we"))
    data, _ = prepare(tiny_t5, file, SFTRecipe(dev_split=1000, source_prefix="please "))
    tokenizer = load_tokenizer(tiny_t5)
    sources = {str(tokenizer.decode(pair.input_ids, skip_special_tokens=True)).strip() for pair in data.train}
    assert sources | set(data.dev_references) == {"please you", "please they"}


def test_the_hash_of_the_data_tells_any_difference() -> None:
    files = [pairs(("a", "b")), pairs(("a", "c")), pairs(("a", "b"), ("a", "b")), pairs(("b", "a"))]
    assert len({data_sha256(file, None) for file in files} | {data_sha256(files[0], files[1])}) == 5


def test_what_every_version_is_tested_on_is_never_trained_on(tiny_t5: Path) -> None:
    tested = heldout_pairs()[0][0]
    file = pairs((tested, "you"), (f" {tested.upper().replace(' ', '  ')}", "we"), ("you", "we"), ("they", "we"))
    data, lines = prepare(tiny_t5, file, SFTRecipe(dev_split=0))
    assert len(data.train) == 2
    assert "Pairs left out because every version is tested on their source: 2." in lines
    for split in (0, 4):
        with pytest.raises(DatasetError, match=r"^No pair is left to train on\.$"):
            prepare(tiny_t5, pairs((tested, "you")), SFTRecipe(dev_split=split))
