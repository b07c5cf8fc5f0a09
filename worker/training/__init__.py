"""Training recipes: rows of data in, a checkpoint and its figures out.

Only torch, transformers, TRL, PEFT and CTranslate2 are known here. Nothing in this folder reads the database, the
queue or Mellow's settings: who calls a recipe passes it everything. Of the environment it reads what the libraries go
by (`RANK` and the like, `OMP_WAIT_POLICY`). The settings of a run are dataclasses of `models`, which the web checks
too.

    methods/         the ways to train, one a module: sft, reward, dpo, orpo, kto, rloo, grpo, ppo
    run/             what they share: loading, the runner, held-out figures, checks, saving
    rendering.py     rows as a model takes them: messages, text, token ids
    row_sources.py   rows from files, parquet and datasets of the hub

    dpo.py           the studio's own DPO on clicks, top to bottom; anchors.py keeps it from forgetting
    seq2seq_dpo.py   TRL's DPOTrainer for an encoder-decoder; seq2seq_head.py is the head that it scores through
    packed_t5.py     a T5's states without padding and repetition; its costly parts are adapted_linear.py,
                     tied_table.py and token_scores.py
    click_order.py   shuffled batches in which the pairs of one click stay together; memory.py keeps freed memory
    threads.py       one thread for a narrow model, and what is worth two cores: side_by_side.py computes two parts of
                     a batch at once, batch_parts.py deals it out
    sft.py           the studio's initial training of a T5; sft_data.py, sft_trainer.py, sft_checkpoints.py its parts
    identity.py      preference pairs that teach a chat model another name
    answering.py     what a model answers

    errors.py        everything that can go wrong, as one tree
    progress.py      how a recipe reports, and how it is cancelled
    quiet.py         no progress bars, no calls home
    checkpoint.py    load and save a T5 and its tokenizer; text to token ids
    convert.py       to CTranslate2, and the proof that nothing changed
    scoring.py       log-probabilities, held-out quality, the gate before promotion
"""

import logging

# PEFT imports bitsandbytes, which on some CPUs looks for a kernel on the hub, and warns that it finds none.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
