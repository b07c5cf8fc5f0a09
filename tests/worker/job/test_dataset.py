"""What is trained on and what is held out: by wording, for good, and from the first click on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.db import write_transaction
from models.formats.splitting import held_out_keys, split_key
from models.store.manifest import Manifest
from models.store.store import CheckpointStore
from models.store.trained_on import TrainedOn
from models.texts.heldout import HELD_OUT_ONE_IN, heldout_pairs
from tests import factories
from tests.studio import Person
from worker.job.dataset import split, trained_on, without_known
from worker.training.shared.examples import PreferenceExample


def clicks(prompts: int) -> list[PreferenceExample]:
    return [PreferenceExample(f"text {n}", "good", bad) for n in range(prompts) for bad in ("bad", "worse")]


def prompts(examples: list[PreferenceExample]) -> set[str]:
    return {example.prompt for example in examples}


def test_about_a_tenth_of_the_prompts_is_held_out() -> None:
    examples = clicks(400)
    found = split(examples)
    assert 20 <= len(prompts(found.held_out)) <= 60
    assert len(found.train) + len(found.held_out) == len(examples)
    assert not prompts(found.train) & prompts(found.held_out)


@pytest.mark.parametrize("few", [5, 12, 49])
def test_a_prompt_that_is_held_out_was_so_from_the_first_click_on(few: int) -> None:
    earlier, later = split(clicks(few)), split(clicks(300))
    assert prompts(earlier.held_out) == prompts(later.held_out) & prompts(clicks(few))
    assert all(later.holds_out(prompt) for prompt in prompts(earlier.held_out))


def test_prompts_that_differ_in_case_and_signs_alone_are_on_one_side() -> None:
    plain = [f"you are dumb {n}" for n in range(60)]
    made = [
        variant for n, text in enumerate(plain) for variant in (text, f"  {text.upper()}!!", text.replace(" ", " , "))
    ]
    found = split([PreferenceExample(prompt, "good", "bad") for prompt in made])
    train, held_out = ({split_key(one.prompt) for one in side} for side in (found.train, found.held_out))
    assert held_out
    assert train
    assert not train & held_out


def test_a_prompt_that_every_version_is_tested_on_is_never_trained_on() -> None:
    tested = heldout_pairs()[0][0]
    examples = [*clicks(3), PreferenceExample(tested.upper(), "good", "bad")]
    found = split(examples)
    assert tested.upper() in prompts(found.held_out)


def test_if_nothing_is_left_to_train_on_nothing_is_held_out() -> None:
    alone = next(prompt for prompt in prompts(clicks(100)) if held_out_keys([prompt], HELD_OUT_ONE_IN))
    examples = [PreferenceExample(alone, "good", "bad")]
    found = split(examples)
    assert (found.train, found.held_out) == (examples, [])
    assert not found.holds_out(alone)


def test_a_prompt_without_a_pair_is_held_out_by_the_same_hash() -> None:
    found = split(clicks(5))
    others = [f"another text {n}" for n in range(200)]
    assert [prompt for prompt in others if found.holds_out(prompt)] == [
        prompt for prompt in others if held_out_keys([prompt], HELD_OUT_ONE_IN)
    ]


def test_of_a_version_without_a_record_all_that_was_judged_before_it_was_made_counts_as_seen(
    session: Session, annotator: Person, tmp_path: Path
) -> None:
    earlier, later = (
        factories.judgment(session, factories.generation(session, annotator.id, prompt=factories.prompt(session, text)))
        for text in ("judged before", "judged after")
    )
    made = datetime(2026, 11, 1, tzinfo=UTC)
    with write_transaction(session):
        earlier.created_at, later.created_at = made - timedelta(hours=1), made + timedelta(hours=1)
    store = CheckpointStore(tmp_path)
    manifest = Manifest(
        number=2, parent=1, run_id=1, method="dpo", config={}, data_sha256="", metrics={}, created_at=made.isoformat()
    )
    (tmp_path / "000002").mkdir()
    (tmp_path / "000002" / "manifest.json").write_text(manifest.to_json())

    assert trained_on(session, store, 2).knows(["Judged before!", "judged after"]) == [True, False]

    TrainedOn().including(["judged after"]).write(tmp_path / "000002")
    assert trained_on(session, store, 2).knows(["judged before", "judged after"]) == [False, True]


def test_what_the_parent_was_trained_on_tests_nothing() -> None:
    said: list[str] = []
    known = TrainedOn().including(["You fool."])
    held_out = [PreferenceExample(prompt, "good", "bad") for prompt in ("you fool", "go away")]
    assert without_known(held_out, known, 3, said.append) == held_out[1:]
    assert said == [
        "Pairs held out of training: 2. The version is tested with 1 of them.",
        "The prompts of the other 1 were trained on by version 3 or one it comes from, so they test nothing.",
    ]
