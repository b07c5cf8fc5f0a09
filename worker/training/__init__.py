"""Training recipes: rows of data in, a checkpoint and its figures out.

Only torch, transformers, TRL, PEFT and CTranslate2 are known here. Nothing in this folder reads the database, the
queue or Mellow's settings: who calls a recipe passes it everything. Of the environment it reads what the libraries go
by (`RANK` and the like, `OMP_WAIT_POLICY`). The settings of a run are dataclasses of `models`, which the web checks
too.

    clicks/     the studio's training on clicks: DPO, ORPO or KTO, with the anchors that keep it from forgetting
    sft/        the studio's initial training of a T5
    identity/   preference pairs that teach a chat model another name, and what a model answers
    methods/    the ways to train, one a module: sft, reward, dpo, orpo, kto, rloo, grpo, ppo
    run/        what the methods share: data, the runner, held-out figures, checks, saving
    t5/         TRL's DPOTrainer for an encoder-decoder, the listwise loss, and what makes a step of theirs quick
    loading/    a model with its tokenizer, adapters, four bits; rows as a model takes them
    shared/     checkpoints, run folders, errors, progress, LoRA
"""

import logging

# PEFT imports bitsandbytes, which on some CPUs looks for a kernel on the hub, and warns that it finds none.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
