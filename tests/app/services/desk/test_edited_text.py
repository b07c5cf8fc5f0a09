"""What people write themselves: texts that look the same, and signs of the models."""

from __future__ import annotations

import pytest

from app.domain_errors import Invalid
from app.services.desk.edited_text import check_edited, reads_like

CARD = "you are wrong, Zoë"


@pytest.mark.parametrize(
    "text",
    [
        CARD,
        "you are\N{NO-BREAK SPACE}wrong, Zoë",
        "you are\N{THIN SPACE}wrong, Zoë",
        "you are wrong, Zoe\N{COMBINING DIAERESIS}",
        "you \N{ZERO WIDTH SPACE}are wrong, Zoë",
        "\N{ZERO WIDTH NO-BREAK SPACE}you are wrong, Zoë",
        "you are wr\N{SOFT HYPHEN}ong, Zoë",
        "you are wrong, Zoë\N{LEFT-TO-RIGHT MARK}",
    ],
)
def test_a_text_that_differs_only_in_what_nobody_sees_reads_like_the_other(text: str) -> None:
    assert reads_like(text, CARD)
    assert reads_like(CARD, text)


@pytest.mark.parametrize(
    "text",
    ["you are wrong, Zoe", "You are wrong, Zoë", "you  are wrong, Zoë", "you are\nwrong, Zoë", "you are wrong, Zoë!"],
)
def test_a_text_with_a_difference_to_see_does_not(text: str) -> None:
    assert not reads_like(text, CARD)


def test_joiners_make_other_letters_and_stay() -> None:
    assert not reads_like("می\N{ZERO WIDTH NON-JOINER}خواهم", "میخواهم")


@pytest.mark.parametrize("token", ["</s>", "<pad>", "<unk>", "<extra_id_0>", "<extra_id_99>"])
def test_a_special_token_is_refused_by_its_name(token: str) -> None:
    with pytest.raises(Invalid, match=rf"^The edited text holds {token}, which the model takes for a sign of its own"):
        check_edited(f"you are {token} wrong", 100)


def test_what_strikes_words_through_is_mark_up_and_a_second_end_is_not() -> None:
    assert check_edited(" you are <s>a fool</s> wrong ", 100) == "you are <s>a fool</s> wrong"
    with pytest.raises(Invalid, match="holds </s>"):
        check_edited("you are <s>a fool</s> wrong</s>", 100)
