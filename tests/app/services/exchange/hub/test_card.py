"""The card of a data set, as programs read its front matter."""

from __future__ import annotations

import pytest
import yaml

from app.services.exchange.hub.card import Column, Figures, card, size_category

COLUMNS = {"prompt": Column("string", "the text"), "tied": Column("list<int64>", "which are equal")}


def test_the_front_matter_says_what_the_files_hold_and_leaves_the_license_open() -> None:
    text = card("A title", "About it.", COLUMNS, Figures(1_500, 7_000, 5_000))
    _, front, body = text.split("---\n", 2)
    said = yaml.safe_load(front)
    assert said["license"] is None
    assert said["configs"] == [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*"}]}]
    assert said["size_categories"] == ["1K<n<10K"]
    assert said["task_categories"] == ["text-generation"]
    assert said["dataset_info"]["features"] == [
        {"name": "prompt", "dtype": "string"},
        {"name": "tied", "list": "int64"},
    ]
    assert said["dataset_info"]["splits"] == [{"name": "train", "num_bytes": 7_000, "num_examples": 1_500}]
    assert (said["dataset_info"]["download_size"], said["dataset_info"]["dataset_size"]) == (5_000, 7_000)
    assert said["pretty_name"] == "A title"
    assert said["tags"] == ["human-feedback", "preference"]
    assert body.startswith(
        "\n# A title\n\nAbout it.\n\n| column | what it holds |\n| --- | --- |\n"
        "| `prompt` | the text |\n| `tied` | which are equal |\n\n```python\n"
    )
    assert 'rows = load_dataset("path/of/this/folder", split="train")' in body


@pytest.mark.parametrize(
    ("count", "name"),
    [(1, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (10**7, "10M<n<100M")],
)
def test_sizes_have_the_names_of_the_hub(count: int, name: str) -> None:
    assert size_category(count) == name
