"""The card of a data set: its README.md, with what programs read of it in the front matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SPLIT = "train"
MOMENT = "timestamp[us, tz=UTC]"
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_LARGEST = "10M<n<100M"
_LIST = "list<"
MESSAGES = "messages"
"""The type of a column of messages, each with role and content."""

_CARD = """\
---
license: # yours to choose before you publish, such as cc-by-4.0
pretty_name: {title}
task_categories:
- text-generation
tags:
- human-feedback
- preference
size_categories:
- {size}
configs:
- config_name: default
  data_files:
  - split: {split}
    path: data/{split}-*
dataset_info:
  features:
{features}
  splits:
  - name: {split}
    num_bytes: {num_bytes}
    num_examples: {count}
  download_size: {file_size}
  dataset_size: {num_bytes}
---

# {title}

{about}

| column | what it holds |
| --- | --- |
{columns}

```python
from datasets import load_dataset

rows = load_dataset("path/of/this/folder", split="{split}")
```

Before you publish it, choose a licence and put it into the first line above, read some rows, and think of who wrote the
texts: many of them may be insults.
"""


@dataclass(frozen=True)
class Column:
    """A column: its type, as Arrow and the hub call it, and what it holds."""

    kind: str
    holds: str

    @property
    def element(self) -> str:
        """Return the type of the elements of a list, empty for anything else."""
        return self.kind.removeprefix(_LIST).removesuffix(">") if self.kind.startswith(_LIST) else ""


@dataclass(frozen=True)
class Figures:
    """The size of a data set: rows, bytes in memory, and bytes of its file."""

    count: int
    num_bytes: int
    file_size: int


def card(title: str, about: str, columns: Mapping[str, Column], figures: Figures) -> str:
    """Return the card; its license is left for whoever publishes the data set."""
    return _CARD.format(
        title=title,
        about=about,
        split=SPLIT,
        size=size_category(figures.count),
        features="\n".join(_feature(name, column) for name, column in columns.items()),
        columns="\n".join(f"| `{name}` | {column.holds} |" for name, column in columns.items()),
        count=figures.count,
        num_bytes=figures.num_bytes,
        file_size=figures.file_size,
    )


def size_category(count: int) -> str:
    """Return the hub's name for data sets of so many rows."""
    return next((name for most, name in _SIZES if count < most), _LARGEST)


def _feature(name: str, column: Column) -> str:
    if column.kind == MESSAGES:
        fields = "".join(f"\n    - name: {field}\n      dtype: string" for field in ("role", "content"))
        return f"  - name: {name}\n    list:{fields}"
    kind = f"list: {column.element}" if column.element else f"dtype: {column.kind}"
    return f"  - name: {name}\n    {kind}"
