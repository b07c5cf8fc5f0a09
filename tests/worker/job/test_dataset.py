"""What is trained on and what is held out: by prompt, for good, and only once there is enough."""

from worker.job.dataset import HELD_OUT_FROM, split
from worker.training.shared.examples import PreferenceExample


def clicks(prompts: int) -> list[PreferenceExample]:
    return [PreferenceExample(f"text {n}", "good", bad) for n in range(prompts) for bad in ("bad", "worse")]


def test_few_prompts_are_all_trained_on() -> None:
    examples = clicks(HELD_OUT_FROM - 1)

    assert split(examples).train == examples
    assert split(examples).held_out == []


def test_about_a_tenth_of_many_prompts_is_held_out() -> None:
    examples = clicks(400)
    found = split(examples)

    assert 20 <= len({example.prompt for example in found.held_out}) <= 60
    assert len(found.train) + len(found.held_out) == len(examples)


def test_no_prompt_is_on_both_sides() -> None:
    found = split(clicks(HELD_OUT_FROM))

    assert found.held_out
    assert not {example.prompt for example in found.train} & {example.prompt for example in found.held_out}


def test_a_prompt_that_is_held_out_stays_held_out() -> None:
    earlier, later = split(clicks(60)), split(clicks(300))

    assert {example.prompt for example in earlier.held_out} <= {example.prompt for example in later.held_out}
    assert {example.prompt for example in earlier.train} <= {example.prompt for example in later.train}
