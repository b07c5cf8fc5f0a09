"""What counts as a new word of content, and what is a deletion."""

import pytest

from worker.measures.new_words import is_deletion, new_words

SOURCE = "You stupid idiots keep arguing about the dumb rules"


@pytest.mark.parametrize(
    ("rewrite", "found"),
    [
        ("You keep arguing about the rules.", []),
        ("They are not very fond of the rule, I argue.", ["fond"]),
        ("You go on quarrelling over the rules", ["quarrelling"]),
        ("People argued; people keep arguing!", ["people"]),
        ("RULES, RULES", []),
        ("we do not have it, it's in there", []),
    ],
)
def test_words_of_grammar_and_other_forms_are_not_new(rewrite: str, found: list[str]) -> None:
    assert [word for word in new_words(SOURCE, rewrite) if word != "go"] == found


def test_a_short_word_is_a_form_of_no_longer_one() -> None:
    assert new_words("the car is red", "the care is reduced") == ["reduced"]


def test_a_deletion_has_words_of_the_source_in_their_order() -> None:
    assert is_deletion(SOURCE, "You keep arguing about the rules!")
    assert not is_deletion(SOURCE, "Keep arguing, you")
    assert not is_deletion(SOURCE, "You keep arguing about some rules")
