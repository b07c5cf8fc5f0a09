"""Training data in the forms that people have it: detection, validation, conversion.

Standard library only, but for workbooks and Parquet, whose libraries are loaded when such a file comes.

`read_rows` reads a file and `rows_of` a dataset's rows, into a `RowFile` of one `Kind`; docs/data-formats.md shows
every format.
"""

from models.formats.catalog import FORMATS, Format
from models.formats.detect import FORMAT_NAMES
from models.formats.mixing import by_objective, mix_rows, named_file, parse_mix, under
from models.formats.reading import read_rows, rows_from, rows_of
from models.formats.rows import Kind, Message, Row, RowFile, Text, prompt_text, rows_sha256
from models.formats.schemas.ranking import RANKINGS
from models.formats.splitting import split_by_prompt, without_prompts_of
from models.formats.summary import sentences, summary
from models.formats.writers import WRITERS, write_records

__all__ = [
    "FORMATS",
    "FORMAT_NAMES",
    "RANKINGS",
    "WRITERS",
    "Format",
    "Kind",
    "Message",
    "Row",
    "RowFile",
    "Text",
    "by_objective",
    "mix_rows",
    "named_file",
    "parse_mix",
    "prompt_text",
    "read_rows",
    "rows_from",
    "rows_of",
    "rows_sha256",
    "sentences",
    "split_by_prompt",
    "summary",
    "under",
    "without_prompts_of",
    "write_records",
]
