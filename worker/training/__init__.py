"""Training recipes: from rows of data to a checkpoint and its metrics.

This package knows only torch, transformers, TRL, PEFT and CTranslate2. Nothing here reads the database, the queue or
Mellow's settings: a recipe's caller passes everything. Of the environment it reads what the libraries use (`RANK` and
the like, `OMP_WAIT_POLICY`). The settings of a run are dataclasses of `models`, which the web checks too.

    clicks/     the studio's training on clicks: DPO, ORPO or KTO, with anchors against forgetting
    sft/        the studio's initial training of a T5
    identity/   preference pairs that teach a chat model another name, and a model's own completions
    methods/    the training methods, one a module: sft, reward, dpo, orpo, kto, rloo, grpo, ppo
    run/        what the methods share: data, the runner, held-out metrics, checks, saving
    t5/         TRL's DPOTrainer for an encoder-decoder, the listwise loss, and the code that makes their steps fast
    loading/    a model with its tokenizer, adapters, 4-bit weights; rows rendered for a model
    distributed/ one training in several processes: the launcher, and the rows that they share
    shared/     checkpoints, run folders, errors, progress, LoRA
"""

import logging

# PEFT imports bitsandbytes, which on some CPUs looks for a kernel on the hub and warns when it finds none.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
