"""The judgments of a file, gathered from its rows: what each person said is one, and one may take several rows.

Rows that carry the key of a judgment belong together, as the studio's own exports have them: a pair a row. They are
looked for among the rows of a batch, and of those after it as long as more of them come.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from app.domain_errors import Invalid
from app.services.exchange.imported_judgments import NOTHING, Before, JudgedRow
from app.services.exchange.mapping import Part, read_judgments
from app.services.exchange.rows import FileRow
from app.services.prompts import prompts
from app.services.prompts.prompts import ImportReport
from models.formats.annotations import CHOSEN, FINE, SKIPPED, Annotation, sided
from models.formats.rows import BadRow


@dataclass(slots=True)
class _Open:
    """A judgment whose rows are still coming."""

    line: int
    text: str
    before: Before
    parts: list[Part]
    touched: bool = True


@dataclass(slots=True)
class Gathered:
    """The judgments of the rows so far, in files of one format; the report says of which rows there are none.

    `longest` is the most characters of a text, and `answering` whether the project answers.
    """

    format: str
    longest: int
    report: ImportReport
    answering: bool = False
    _whole: list[JudgedRow] = field(default_factory=list)
    _open: dict[str, _Open] = field(default_factory=dict)

    def add(self, row: FileRow, text: str, before: Before = NOTHING) -> list[str]:
        """Add what people said in a row of that prompt; returns the texts that they said to be best."""
        try:
            found = read_judgments(row.value, self.format, answering=self.answering)
        except BadRow as reason:
            self._refuse(row.line, reason)
            return []
        if isinstance(found, Part):
            return self._add_part(row.line, text, before, found)
        if not found:
            self._refuse(row.line, BadRow("nobody has judged it"))
        times: Counter[str] = Counter()
        best: list[str] = []
        for one in found:
            judged = self._judged(row.line, text, before, one)
            if judged is None:
                continue
            nth = times[judged.key]
            times[judged.key] += 1
            self._whole.append(replace(judged, nth=nth))
            best += judged.chosen
        return list(dict.fromkeys(best))

    def take(self, rest: bool = False) -> list[JudgedRow]:
        """Return the judgments that are whole, each once; with `rest`, also those whose rows may still be coming."""
        for key, waiting in list(self._open.items()):
            if rest or not waiting.touched:
                del self._open[key]
                self._whole += self._joined(waiting)
            waiting.touched = False
        taken, self._whole = self._whole, []
        return taken

    def open_texts(self) -> set[str]:
        """Return the texts of the judgments whose rows may still be coming."""
        return {waiting.text for waiting in self._open.values()}

    def _add_part(self, line: int, text: str, before: Before, part: Part) -> list[str]:
        waiting = self._open.setdefault(part.origin.key, _Open(line, text, before, []))
        if (waiting.text, waiting.before) != (text, before):
            self._refuse(line, BadRow("another row of the same judgment has another text"))
            return []
        for unused in part.unused:
            self._report_unused(line, unused)
        waiting.parts.append(part)
        waiting.touched = True
        return [text.strip() for text in part.better]

    def _joined(self, waiting: _Open) -> Iterator[JudgedRow]:
        """Yield the judgment that its rows make up; nothing if the report says why they make up none."""
        first = waiting.parts[0]
        better = list(dict.fromkeys(text for part in waiting.parts for text in part.better))
        # The rows of one chosen text have all rejected ones, of which two may read alike.
        whole = [part for part in waiting.parts if not part.better or part.better[0] == better[0]]
        worse = [text for part in whole for text in part.worse]
        worse += [text for part in waiting.parts for text in part.worse if text not in worse]
        ranking = _ranking(waiting.parts) if first.verdict == CHOSEN and len(better) > 1 else ()
        if ranking:
            better, worse = [ranking[0]], list(ranking[1:])
        try:
            annotation = replace(sided(better, worse, first.verdict, first.origin), ranking=ranking)
        except BadRow as reason:
            self._refuse(waiting.line, reason)
            return
        judged = self._judged(waiting.line, waiting.text, waiting.before, annotation)
        if judged is not None:
            yield judged

    def _judged(self, line: int, text: str, before: Before, annotation: Annotation | str) -> JudgedRow | None:
        """Return the judgment that an annotation is, its texts checked; None if the report says why it is none."""
        if isinstance(annotation, str):
            self._refuse(line, BadRow(annotation))
            return None
        try:
            better = [prompts.check_text(one, self.longest) for one in annotation.better]
            worse = [prompts.check_text(one, self.longest) for one in annotation.worse]
            if annotation.verdict != SKIPPED:
                annotation = replace(
                    sided(better, worse, annotation.verdict, annotation.origin),
                    unused=annotation.unused,
                    reason=annotation.reason,
                    flagged=annotation.flagged,
                    ranking=annotation.ranking,
                    remarks=annotation.remarks,
                    comment=annotation.comment,
                    decision=annotation.decision,
                )
                better, worse = list(annotation.better), list(annotation.worse)
            if annotation.verdict == FINE and better != [text]:
                raise BadRow(f"its verdict is {FINE!r}, and what it chooses is not the prompt")
        except (BadRow, Invalid) as reason:
            self._refuse(line, reason)
            return None
        for unused in annotation.unused:
            self._report_unused(line, unused)
        return JudgedRow(
            text,
            tuple(better),
            tuple(worse),
            annotation.verdict,
            annotation.origin,
            line=line,
            reason=annotation.reason,
            flagged=annotation.flagged,
            ranking=tuple(one.strip() for one in annotation.ranking),
            remarks=tuple(replace(one, text=one.text.strip()) for one in annotation.remarks),
            comment=annotation.comment.strip(),
            decision=annotation.decision,
            before=before,
        )

    def _report_unused(self, line: int, unused: str) -> None:
        self.report.leave_out(line, f"Part of its judgment is not used: {unused}.")

    def _refuse(self, line: int, reason: BadRow | Invalid) -> None:
        self.report.leave_out(line, f"Its judgment cannot be taken over: {str(reason).rstrip('.')}.")


def _ranking(parts: Sequence[Part]) -> tuple[str, ...]:
    """Return the order that the pairs of a judgment are of, the best text first; empty if they are of none."""
    behind: defaultdict[str, list[str]] = defaultdict(list)
    for part in parts:
        for text in part.better:
            behind[text] += part.worse
    order = sorted(behind, key=lambda text: -len(behind[text]))
    order += dict.fromkeys(text for part in parts for text in part.worse if text not in behind)
    is_order = all(sorted(behind[text]) == sorted(order[place:]) for place, text in enumerate(order[:-1], start=1))
    return tuple(order) if is_order else ()
