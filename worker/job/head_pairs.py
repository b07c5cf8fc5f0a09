"""The reward head of a run, fitted to its judgments, and the pairs that it labels among samples of other prompts.

The head that labels pairs is fitted without the held-out judgments, so that these can test the training. The head that
the version carries is fitted to all of them.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app.services.training.reward import judged
from app.services.training.reward.judged import Screen
from app.services.training.reward.unclicked_texts import unclicked_texts
from app.services.versions.forgetting import Forgotten
from models.formats import rows_sha256
from models.formats.splitting import held_out_keys, split_key
from models.reward.head import Head, fitted
from models.reward.judgments import JudgedScreen
from models.serving.generator import Generator, Sampling
from models.store.samples_cache import samples_folder
from models.texts.heldout import HELD_OUT_ONE_IN, is_measured
from worker.job.dataset import Split
from worker.job.weighing import Weights
from worker.studio.attempt import Attempt
from worker.studio.studio import Studio
from worker.training.shared.examples import PreferenceExample

if TYPE_CHECKING:
    from worker.training.clicks.labelling import Labelled
    from worker.training.shared.progress import Progress

TEXTS = 480
"""The most prompts without a judgment to sample: the studio's own first, then those that come with Mellow."""

_DRAWING_SECONDS = 12.0
_AT_ONCE = 48


@dataclass(frozen=True)
class HeadPairs:
    """The reward head that a version carries (None without judgments to fit), and the pairs labelled for its training.

    `judged` are the judgments that the head was fitted to, on these `prompts`, `judgments` their ids and `sha256` their
    hash. `texts` is the number of texts sampled for the pairs, `sureness` the mean probability of the labels.
    """

    head: Head | None
    labelled: tuple[PreferenceExample, ...] = ()
    judged: tuple[JudgedScreen, ...] = field(default=(), repr=False)
    prompts: tuple[str, ...] = field(default=(), repr=False)
    judgments: tuple[int, ...] = field(default=(), repr=False)
    sha256: str = ""
    texts: int = 0
    sureness: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the metrics that the manifest keeps."""
        kept: dict[str, Any] = {"judgments": len(self.judged), "judgments_sha256": self.sha256}
        if self.labelled:
            kept |= {"head_pairs": len(self.labelled), "head_texts": self.texts, "head_sureness": self.sureness}
        return kept


def samples_cache(home: Path) -> Path:
    """Return the cache folder for the samples of versions; create it if it is absent."""
    folder = samples_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def other_texts(studio: Studio, without: Forgotten | None = None) -> list[str]:
    """Return up to TEXTS prompts that nobody has judged, the studio's own first, then those that come with Mellow.

    Texts that versions are tested on are left out, and so are those whose judgments would be held out, and prompts that
    are to be forgotten.
    """
    from worker.training.clicks.shipped_texts import shipped_texts

    def leave_out(text: str) -> bool:
        return is_measured(text) or bool(held_out_keys([text], HELD_OUT_ONE_IN))

    with studio.sessions() as session:
        spared = () if without is None else (without.spared_prompts(),)
        own = unclicked_texts(session, TEXTS, leave_out, *spared)
    return list(dict.fromkeys([*own, *itertools.filterfalse(is_measured, shipped_texts())]))[:TEXTS]


def fit_and_label(
    studio: Studio,
    attempt: Attempt,
    parent_serving: Path,
    run_dir: Path,
    recorder: Progress,
    *,
    most: int,
    clicks: Split,
    weights: Weights,
) -> HeadPairs:
    """Fit reward heads to the judgments of the run, by their weights, and label at most `most` pairs of other texts.

    What `clicks` holds out teaches nothing. Pairs that an earlier attempt labelled from the same judgments are taken
    from `run_dir`, and those of a training that is repeated from its record. Raises LoadError, or Cancelled.
    """
    screens = _screens(studio, attempt, parent_serving)
    if not screens:
        return HeadPairs(None)
    digest = rows_sha256(screen.said() for screen in screens)
    judged_ones = tuple(screen.judged(weights.get(screen.judgment_id, 1.0)) for screen in screens)
    seen = [one for one, screen in zip(judged_ones, screens, strict=True) if not clicks.holds_out(screen.text)]
    prompts = tuple(screen.text for screen in screens)
    ids = tuple(screen.judgment_id for screen in screens)
    found = HeadPairs(fitted(judged_ones), judged=judged_ones, prompts=prompts, judgments=ids, sha256=digest)
    if not most or not seen:
        return found
    from worker.training.shared.run_folder import LABELLED, write_small

    kept = _recorded_pairs(attempt) or _cached_pairs(run_dir / LABELLED, found.sha256)
    if kept is None:
        labelled, texts = _label(studio, attempt, fitted(seen), parent_serving, recorder, most, clicks)
        kept = {
            "sha256": found.sha256,
            "texts": texts,
            "sureness": labelled.sureness,
            "pairs": [asdict(example) for example in labelled.examples],
        }
        run_dir.mkdir(parents=True, exist_ok=True)
        write_small(run_dir / LABELLED, json.dumps(kept))
    pairs = tuple(PreferenceExample(**pair) for pair in kept["pairs"])
    recorder.log(_summary(len(pairs), kept["texts"], kept["sureness"]))
    assert found.head is not None
    head = replace(found.head, taught=bool(pairs))
    return replace(found, head=head, labelled=pairs, texts=kept["texts"], sureness=kept["sureness"])


def _screens(studio: Studio, attempt: Attempt, parent_serving: Path) -> list[Screen]:
    """Return the judged screens of the run with measured features, in the order of their judgments."""
    loaded: list[Generator] = []

    def measure(text: str, rewrites: Sequence[str]) -> Any:
        if not loaded:
            loaded.append(Generator(parent_serving, 0, threads=1, seed=1))
        return loaded[0].features(text, rewrites)

    with studio.sessions() as session:
        ids = _read_by_head(session, attempt)
        for screen in judged.screens(session, ids):
            if not screen.measured:
                judged.measure(session, screen, measure)
        found = {screen.judgment_id: screen for screen in judged.screens(session, ids) if screen.measured}
    return [found[number] for number in ids if number in found]


def _read_by_head(session: Session, attempt: Attempt) -> list[int]:
    """Return the ids of the judgments that the head is fitted to."""
    if attempt.again is not None:
        return list(attempt.again.judgments.head)
    return judged.standing(session, *attempt.reading.conditions(attempt.last_judgment_id))


def _label(
    studio: Studio,
    attempt: Attempt,
    head: Head,
    parent_serving: Path,
    recorder: Progress,
    most: int,
    clicks: Split,
) -> tuple[Labelled, int]:
    """Sample and label, and return the pairs with the number of texts sampled."""
    from worker.training.clicks.labelling import label
    from worker.training.clicks.samples import Samples
    from worker.training.shared.progress import stop_if_cancelled

    labelled = label(head, [], most)
    recorder.stage("asking the clicks about other texts")
    settings = studio.settings
    sampling = Sampling(settings.temperature, settings.top_p, settings.top_k)
    samples = Samples(parent_serving, sampling, samples_cache(settings.home))
    deadline = time.monotonic() + _DRAWING_SECONDS
    pools = []
    asked = [text for text in other_texts(studio, attempt.without) if split_key(text) not in clicks.keys]
    for first in range(0, len(asked), _AT_ONCE):
        texts = asked[first : first + _AT_ONCE]
        samples.draw(texts, deadline - time.monotonic(), lambda: stop_if_cancelled(recorder))
        pools += [(text, pool) for text in texts if (pool := samples.known(text)) is not None]
        labelled = label(head, pools, most)
        if len(labelled.examples) >= most:
            break
    return labelled, len(pools)


def _recorded_pairs(attempt: Attempt) -> dict[str, Any] | None:
    """Return the pairs of the training that is repeated, or None."""
    again = attempt.again
    if again is None or again.pairs is None:
        return None
    pairs = [dict(zip(("prompt", "chosen", "rejected"), pair, strict=True)) for pair in again.pairs]
    return {"texts": again.texts, "sureness": again.sureness, "pairs": pairs}


def _cached_pairs(path: Path, sha256: str) -> dict[str, Any] | None:
    """Return the pairs that an earlier attempt labelled from the same judgments, or None."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if found["sha256"] == sha256 else None


def _summary(pairs: int, texts: int, sureness: float) -> str:
    if not pairs:
        return f"The clicks say too little to tell the rewrites of {texts} other texts apart: none is trained on."
    return (
        f"{pairs} pairs of rewrites of {texts} texts that nobody clicked were labelled by what the clicks say, "
        f"{sureness:.0%} sure on average."
    )
