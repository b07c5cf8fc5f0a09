"""Read exports as Label Studio's and Argilla's own libraries do, and print what they found as JSON.

    python reading.py LABELLING_CONFIGURATION LABEL_STUDIO_FILE ARGILLA_FILE

A program by itself, since these libraries are in a folder of their own (requirements-label-tools.txt).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def label_studio(configuration: str, file: Path) -> dict[str, Any]:
    """The file as the converter makes JSON-MIN of it, and whether the configuration takes each task and annotation."""
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface
    from label_studio_sdk.types import Annotation

    with TemporaryDirectory() as folder:
        Converter(configuration, project_dir=None).convert(str(file), folder, "JSON_MIN", is_dir=False)
        converted = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
    interface = LabelInterface(configuration)
    tasks = json.loads(file.read_text(encoding="utf-8"))
    annotations = [one for task in tasks for one in task["annotations"]]
    return {
        "converted": converted,
        "tasks": [interface.validate_task({"data": task["data"]}) for task in tasks],
        "annotations": [interface.validate_annotation(one) for one in annotations],
        "typed": [[one.id, one.completed_by, one.was_cancelled] for one in map(Annotation.model_validate, annotations)],
    }


def argilla(file: Path) -> list[dict[str, Any]]:
    """The records as `Dataset.records.from_json` reads them, and each response as it would be sent to a server."""
    from argilla.records._io import JsonIO
    from argilla.responses import UserResponse

    return [
        {**record.to_dict(), "sent": [UserResponse([response]).to_dict() for response in record.responses]}
        for record in JsonIO._records_from_json(file)
    ]


if __name__ == "__main__":
    configuration, tasks, records = sys.argv[1:]
    print(json.dumps({"label_studio": label_studio(configuration, Path(tasks)), "argilla": argilla(Path(records))}))
