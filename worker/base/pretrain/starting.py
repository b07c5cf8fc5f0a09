"""What a run of training begins with: a model, a device, its flags, and the signals that stop it."""

import argparse
import signal
import threading
from pathlib import Path

import torch
from transformers import T5ForConditionalGeneration

from worker.base.build.checkpoint import grow, new_model

LARGEST = 25_000_000


def untrained_model(vocab_size: int, shape: list[int], seed: int) -> T5ForConditionalGeneration:
    """Return a model with random weights of a shape: encoder layers, decoder layers, width, feed forward and heads.

    Raises ValueError if it has more than LARGEST parameters, the most that can be served.
    """
    encoder_layers, decoder_layers, width, feed_forward, heads = shape
    torch.manual_seed(seed)
    return checked(
        new_model(
            vocab_size,
            width=width,
            encoder_layers=encoder_layers,
            decoder_layers=decoder_layers,
            feed_forward=feed_forward,
            heads=heads,
        )
    )


def trained_model(folder: Path, layers: list[int] | None) -> T5ForConditionalGeneration:
    """Load the model of a folder, grown to a number of encoder and decoder layers if these are given.

    Raises ValueError if that takes layers away, or makes it larger than LARGEST.
    """
    model = T5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    if layers is None:
        return model
    encoder_layers, decoder_layers = layers
    encoder, decoder = len(model.encoder.block), len(model.decoder.block)
    if encoder_layers < encoder or decoder_layers < decoder:
        raise ValueError(f"The model has {encoder} encoder and {decoder} decoder layers; it cannot be grown to fewer.")
    return checked(grow(model, encoder_layers, decoder_layers))


def checked(model: T5ForConditionalGeneration) -> T5ForConditionalGeneration:
    """Return the model; raise ValueError if it has more than LARGEST parameters, the most that can be served."""
    if model.num_parameters() > LARGEST:
        raise ValueError(f"This shape has {model.num_parameters():,} parameters; at most {LARGEST:,} are allowed.")
    return model


def precision(device: torch.device) -> torch.dtype:
    """Return the fastest number format for matrix products: bfloat16, except on processors that emulate it."""
    if device.type == "cpu" and not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return torch.float32
    return torch.bfloat16


def device_named(name: str) -> torch.device:
    """Return the device that `--device` names; raises ValueError if it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("There is no CUDA device here; use --device cpu.")
    return torch.device(name)


def set_by_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set, so that a run saves its state and ends."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def add_run_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of every training of the base: where it runs, when it stops, and how it cools down."""
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="default %(default)s")
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--tokens", type=int, help="stop when this many tokens were seen, earlier runs included")
    parser.add_argument(
        "--cool-down",
        type=int,
        metavar="TOKENS",
        help="lower the learning rate over this many tokens and finish, in WORK/cooled; WORK itself can go on later",
    )
