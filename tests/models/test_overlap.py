"""What people who chose among the same cards have in common, by one-coin Dawid–Skene."""

from __future__ import annotations

import numpy as np
import pytest

from models.overlap import of_others, overlap


def simulated(
    skills: list[float], screens: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Everybody's answers on every screen of three cards, and which card of each is the right one."""
    chance = np.random.default_rng(seed)
    right = chance.integers(3, size=screens)
    shown, people = (part.ravel() for part in np.meshgrid(np.arange(screens), np.arange(len(skills)), indexing="ij"))
    wrong = (right[shown] + chance.integers(1, 3, size=len(shown))) % 3
    chosen = np.where(chance.random(len(shown)) < np.array(skills)[people], right[shown], wrong)
    return shown, people, chosen, right


def test_skills_and_right_cards_are_found_again() -> None:
    skills = [0.9, 0.8, 0.7, 1 / 3, 0.85]
    shown, people, chosen, right = simulated(skills, 400)
    found = overlap(shown, people, chosen)
    assert found.skills == pytest.approx(skills, abs=0.06)
    assert np.mean(found.right.argmax(1) == right) > 0.9
    assert found.right.sum(1) == pytest.approx(np.ones(400))


def test_it_is_a_fixed_point_of_its_own_equations() -> None:
    """By a slow reference: a skill is the mean probability of the chosen cards, a card’s is that of all answers."""
    shown, people, chosen, _ = simulated([0.9, 0.7, 0.6, 0.8], 30)
    found = overlap(shown, people, chosen)
    for person, skill in enumerate(found.skills):
        said = [found.right[s, c] for s, p, c in zip(shown, people, chosen, strict=True) if p == person]
        assert skill == pytest.approx(np.mean(said), abs=1e-7)
    for screen in range(30):
        product = np.ones(3)
        for s, p, c in zip(shown, people, chosen, strict=True):
            if s == screen:
                product *= [found.skills[p] if card == c else (1 - found.skills[p]) / 2 for card in range(3)]
        assert found.right[screen] == pytest.approx(product / product.sum(), abs=1e-6)


def test_what_others_say_leaves_out_ones_own_answer() -> None:
    shown, people, chosen = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([2, 0, 1])
    found = overlap(shown, people, chosen)
    others = of_others(found, shown, people, chosen)
    skill = found.skills[1]
    assert others[0] == pytest.approx([skill, (1 - skill) / 2, (1 - skill) / 2])
    assert others[2] == pytest.approx([1 / 3] * 3), "nobody else judged that screen"
