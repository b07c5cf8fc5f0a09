"""Training recipes: preference examples in, a verified checkpoint out.

Only torch, transformers, TRL, PEFT and CTranslate2 are known here. Nothing in this folder reads the database, the
queue or the environment: the job that calls a recipe passes it everything. The settings of a run are a
`models.recipe.DPORecipe`, which the web checks too.

    examples.py      what a recipe learns from
    errors.py        everything that can go wrong, as one tree
    progress.py      how a recipe reports, and how it is cancelled
    quiet.py         no progress bars, no calls home
    pairs.py         read the sentence pairs of anchors.tsv and heldout.tsv
    checkpoint.py    load and save a model and its tokenizer; text to token ids
    seq2seq_dpo.py   TRL's DPOTrainer for an encoder-decoder
    anchors.py       the same with a penalty on forgetting
    dpo.py           the recipe, top to bottom
    convert.py       to CTranslate2, and the proof that nothing changed
    scoring.py       log-probabilities, held-out quality, the gate before promotion
"""
