"""SARI, worked out by hand and beside figures that others published."""

import pytest

from worker.measures.sari import sari, sari_parts


def test_one_replaced_word_by_hand() -> None:
    # Single words: c is added where d was wanted (0), a is kept (1), b is deleted (1). Pairs: "a c" is added where
    # "a d" was wanted (0), "a b" is deleted (1), nothing was to keep (1). No longer n-gram exists: 1 each.
    assert sari_parts("a b", "a c", ["a d"]) == {"add": 0.5, "keep": 1, "delete": 1}
    assert sari("a b", "a c", ["a d"]) == pytest.approx(100 * 2.5 / 3)


def test_two_references_that_disagree_by_hand() -> None:
    # Counted once for each of two references, the source has a twice and b twice; the references have a twice, b once.
    # Kept is a: precision 1, recall 2/3, F1 0.8. Of "b" twice, deleting one was right: 1/2. Of "a b" twice, too: 1/2;
    # keeping one would have been right, and none was kept: 0.
    parts = sari_parts("a b", "a", ["a", "a b"])

    assert parts == pytest.approx({"add": 1, "keep": (0.8 + 0 + 1 + 1) / 4, "delete": (0.5 + 0.5 + 1 + 1) / 4})


def test_the_example_of_the_metric_s_documentation() -> None:
    """The metric card of `sari` in Hugging Face's evaluate gives 26.953601953601954 for this."""
    source = "About 95 species are currently accepted."
    references = [
        "About 95 species are currently known.",
        "About 95 species are now accepted.",
        "95 species are now accepted.",
    ]

    assert sari(source, "About 95 you now get in.", references) == pytest.approx(26.953601953601954)
    assert sari(source, source, [source]) == 100


def test_an_empty_text_is_no_error() -> None:
    assert [sari("", "", [""]), sari("a", "", [""]), sari("", "a", ["a"])] == [100, 100, 100]
    assert sari("", "", ["a"]) == pytest.approx(100 * (3 / 4 + 1 + 1) / 3)  # the one word to add is missing


def test_a_reference_is_perfect_and_neither_a_copy_nor_an_empty_text_is() -> None:
    source, wanted = "you are a dumb person", ["you are a person"]
    copy, empty, right = (sari(source, text, wanted) for text in (source, "", wanted[0]))

    assert right == 100
    assert 0 < copy < right
    assert 0 < empty < right


def test_case_and_the_spaces_around_marks_do_not_count() -> None:
    assert sari("What? No!", "no !", ["No!"]) == sari("what ? no !", "No!", ["no !"]) == 100
