"""The commands that train by one method each: what `--help` says of it, and examples."""

from __future__ import annotations

from functools import partial

from worker.commands.support.command import Command
from worker.commands.support.training_command import WRITTEN, add_training_flags, run_method


def _command(method: str, help: str, description: str, examples: str, name: str = "") -> Command:
    """The command of `method`, called like it or `name`; `examples` are indented by two spaces."""
    name = name or method
    return Command(
        name=name,
        help=help,
        description=description,
        epilog=f"{WRITTEN}\nexamples:\n{examples}",
        usage=f"python -m worker {name} [--flag value …]",
        allow_abbrev=False,
        add_flags=partial(add_training_flags, method, name not in ("reward", "sft-chat")),
        run=partial(run_method, method),
    )


METHODS = (
    _command(
        "dpo",
        "learn from preference pairs (DPO)",
        """\
Raise the probability of the chosen text of each pair over that of the rejected one, measured against the model as it
was (Rafailov et al. 2023). It needs no reward model and samples nothing: the place to begin with preferences.

Works for T5-like models and for chat models alike, with any of TRL's losses, or several with weights. The reference is
the model without its adapter (--use_peft), a frozen copy, or another model (--ref_model); --precompute_ref_log_probs
asks it once, before the training.
""",
        """\
  python -m worker dpo --train_file clicks.jsonl --use_peft --output_dir dpo
  python -m worker dpo --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --train_file pairs.jsonl --use_peft \\
      --load_in_4bit --output_dir dpo-chat
  python -m worker dpo --model_name_or_path t5-small --train_file helpful=a.jsonl harmless=b.jsonl \\
      --mix helpful=0.7,harmless=0.3 --loss_type sigmoid sft --loss_weights 1 0.1 --output_dir dpo-mix
""",
    ),
    _command(
        "grpo",
        "optimize a model against a reward model (GRPO)",
        """\
Let a model write several texts for each prompt, have a reward model mark them, and make those that beat the average of
their group likelier (Shao et al. 2024), with TRL's GRPOTrainer. It works on decoder-only models and on T5s.

Of the data only the prompts are used. The reward model is what `python -m worker reward` leaves in OUTPUT_DIR. The
groups must fill a step: num_generations divides per_device_train_batch_size × gradient_accumulation_steps. Dropout is
off while training, the adapter's too, so that the ratio of new to old policy is exact.
""",
        """\
  python -m worker reward --model_name_or_path distilbert-base-uncased --train_file pairs.tsv --output_dir rm
  python -m worker grpo --reward_model_path rm --train_file pairs.tsv --use_peft --output_dir grpo
  python -m worker grpo --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --reward_model_path rm
      --train_file prompts.jsonl --use_peft --num_generations 8 --beta 0.04 --output_dir grpo-chat
""",
    ),
    _command(
        "kto",
        "learn from texts marked good or bad (KTO)",
        """\
Learn from texts that were each marked good or bad, a thumb up or down, without pairs (Ethayarajh et al. 2024). Pairs
may be given too: each makes a good and a bad text.

The two labels need not be equally many. Where they are not, set --desirable_weight or --undesirable_weight so that
weight times number is about equal, or up to a third higher for the good ones. The rows of a batch are compared with
each other: the larger --per_device_train_batch_size, the better the estimate.
""",
        """\
  python -m worker kto --train_file thumbs.jsonl --use_peft --output_dir kto
  python -m worker kto --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --train_file thumbs.csv --use_peft \\
      --undesirable_weight 0.5 --output_dir kto-chat
""",
    ),
    _command(
        "orpo",
        "learn a task and its preferences at once (ORPO)",
        """\
Learn to write the chosen texts and, in the same step, to find the rejected ones less likely (Hong et al. 2024). There
is no reference model, so it needs less memory than DPO and no supervised training before it; but nothing holds the
model where it was. Use it on a model that does not know the task yet, and `dpo` on one that does.
""",
        """\
  python -m worker orpo --train_file clicks.jsonl --output_dir orpo
  python -m worker orpo --model_name_or_path HuggingFaceTB/SmolLM2-135M --train_file pairs.jsonl --use_peft \\
      --beta 0.1 --num_train_epochs 3 --output_dir orpo-lm
""",
    ),
    _command(
        "ppo",
        "optimize a model against a reward model (PPO)",
        """\
Let a model answer prompts, have a reward model mark the answers, and move the model towards the better ones (Schulman
et al. 2017; for text, Ziegler et al. 2019): the last stage of RLHF. A penalty on the divergence from the model it
started with keeps the text readable.

Of the data only the prompts are used. The reward model is what `python -m worker reward` leaves in OUTPUT_DIR/model.
Where pairs of a better and a worse answer are at hand, try `dpo` first: it needs neither reward model nor sampling.
""",
        """\
  python -m worker reward --model_name_or_path distilbert-base-uncased --train_file pairs.tsv --output_dir rm
  python -m worker ppo --reward_model_path rm/model --train_file pairs.tsv --use_peft --output_dir ppo
  python -m worker ppo --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --reward_model_path rm/model
      --train_file prompts.jsonl --use_peft --kl_coef 0.1 --max_completion_length 64 --output_dir ppo-chat
""",
    ),
    _command(
        "reward",
        "train a reward model on preferences",
        """\
Train a classifier with one output that gives the better of two texts the higher mark (Bradley-Terry), with TRL's
RewardTrainer. `ppo`, `grpo` and `rloo` optimize a model against it.

The model may be an encoder (BERT, DistilBERT, RoBERTa, MiniLM …), which reads a prompt and its answer as a pair, or
decoder-only, which reads them as one text or in its chat template. Mind what tells the two sides apart in the data:
where every rejected text is the prompt itself, the model learns to see copies, and nothing else.
""",
        """\
  python -m worker reward --model_name_or_path distilbert-base-uncased --train_file pairs.tsv --output_dir rm
  python -m worker reward --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --train_file hh.jsonl.gz --use_peft
      --max_length 1024 --gradient_accumulation_steps 4 --early_stopping_patience 2 --output_dir rm-chat
""",
    ),
    _command(
        "rloo",
        "optimize a model against a reward model (RLOO)",
        """\
Let a model write several texts for each prompt, have a reward model mark them, and make those likelier that beat the
others of the same prompt (Ahmadian et al. 2024), with TRL's RLOOTrainer. No value network, as PPO needs one. It works
on decoder-only models and on T5s.

Of the data only the prompts are used. The reward model is what `python -m worker reward` leaves in OUTPUT_DIR. The
groups must fill a step: num_generations divides per_device_train_batch_size × gradient_accumulation_steps. Dropout is
off while training, the adapter's too, so that the ratio of new to old policy is exact.
""",
        """\
  python -m worker reward --model_name_or_path distilbert-base-uncased --train_file pairs.tsv --output_dir rm
  python -m worker rloo --reward_model_path rm --train_file pairs.tsv --use_peft --output_dir rloo
  python -m worker rloo --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --reward_model_path rm
      --train_file prompts.jsonl --use_peft --num_generations 8 --beta 0.05 --output_dir rloo-chat
""",
    ),
    _command(
        "sft",
        "supervised fine-tuning of a chat model",
        """\
Teach a chat model, or any other decoder-only one, from prompts and good answers to them, with TRL's SFTTrainer: the
first stage of alignment, before preferences refine it.

The answers may come as instructions (Alpaca), as pairs, as chat messages, or as the chosen side of preferences. Only
the answer is learned, not the prompt, unless --no-completion_only_loss says otherwise. A model with a chat template
sees everything in it.
""",
        """\
  python -m worker sft --model_name_or_path HuggingFaceTB/SmolLM2-135M-Instruct --train_file instructions.jsonl
      --use_peft --output_dir sft-chat
  python -m worker sft-chat --model_name_or_path gpt2 --dataset_name tatsu-lab/alpaca --config quick --output_dir try
""",
        name="sft-chat",
    ),
)
