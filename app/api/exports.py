"""Types of the API of exports."""

from __future__ import annotations

from typing import Annotated, get_args

from msgspec import Meta, Struct

from app.api.kinds import Count, Time
from app.schemas.kinds import YesNo, one_of
from app.services.exchange.exports import FORMATS, FormatName
from app.services.exchange.hub.data_set import Contents
from app.services.exchange.judgment_search import JudgmentFilter, JudgmentQuery
from app.services.exchange.outgoing.manifest import ExportPlan
from app.services.exchange.outgoing.redaction import Choices, Evaluation, Personal


class RedactionQuery(JudgmentQuery, frozen=True):
    """Choice of judgments to export, and what becomes of those that may not leave."""

    personal: Annotated[
        Personal,
        one_of(get_args(Personal)),
        Meta(
            description="Personal details (e-mail addresses, telephone numbers, handles, IBANs, payment cards and "
            "internet addresses): kept, masked as `[email]`, `[phone]` and so on, or judgments with any left out."
        ),
    ] = "keep"
    evaluation: Annotated[
        Evaluation,
        one_of(get_args(Evaluation)),
        Meta(
            description="Judgments of texts that versions are tested on, and of their near-duplicates: "
            "kept or left out."
        ),
    ] = "keep"

    def choices(self) -> Choices:
        """Return the choices."""
        return Choices(self.personal, self.evaluation)


class PlainExportQuery(RedactionQuery, frozen=True):
    """Choice of judgments to export, and their format."""

    format: Annotated[
        FormatName,
        one_of(FORMATS),
        Meta(description="; ".join(f"{name}: {one.keeps}" for name, one in FORMATS.items()) + "."),
    ] = "trl"
    pseudonyms: Annotated[
        YesNo, Meta(description="Whether people get names drawn for this export alone, the same one throughout it.")
    ] = "no"

    def plan(self, project: str | None) -> ExportPlan:
        """Return what is exported, and how; the file is called by the `project`, unless it is the first one."""
        return ExportPlan(self.format, JudgmentFilter.of(self), self.pseudonyms == "yes", self.choices(), project)


class ExportQuery(PlainExportQuery, frozen=True):
    """Export, by itself or in a zip with its manifest."""

    manifest: Annotated[
        YesNo,
        Meta(
            description="Whether it comes as a zip with its manifest beside it; "
            "it always does if anything may be masked or left out."
        ),
    ] = "no"

    @property
    def packed(self) -> bool:
        """Return whether it comes as a zip."""
        return self.manifest == "yes" or self.choices().alter


class DetailsFound(Struct):
    """Personal details in what is exported."""

    judgments: Annotated[Count, Meta(description="Those that hold any.")]
    kinds: Annotated[dict[str, int], Meta(description="How many judgments hold each kind.")]
    masked: Annotated[dict[str, int], Meta(description="How many places of each kind were masked.")]


class TestedFound(Struct):
    """Judgments of texts that versions are tested on."""

    same: Annotated[Count, Meta(description="Of one of these texts, however it is written.")]
    near: Annotated[Count, Meta(description="Of a near-duplicate.")]


class LeftOut(Struct):
    """The ids of the judgments that are not in the file, or not with all of their pairs, by the reason."""

    personal: Annotated[list[int], Meta(description="They hold personal details.")]
    evaluation: Annotated[list[int], Meta(description="They are of texts that versions are tested on, or nearly.")]
    alike: Annotated[list[int], Meta(description="Their best text reads like another one once both are masked.")]
    format: Annotated[list[int], Meta(description="The format cannot hold them.")]


class ExportChoices(Struct):
    """Says what was chosen."""

    personal: Personal
    evaluation: Evaluation


class ExportManifest(Struct):
    """Manifest of an export."""

    made_at: Time
    mellow: Annotated[str, Meta(description="The version of Mellow.")]
    rules: Annotated[int, Meta(description="The version of the rules by which details and near-duplicates are told.")]
    file: str
    project: Annotated[str, Meta(description="What addresses call the project.")]
    format: FormatName
    pseudonyms: bool
    selection: Annotated[dict[str, str], Meta(description="The filter, as parameters.")]
    choices: ExportChoices
    judgments: Annotated[Count, Meta(description="Looked at.")]
    rows: Annotated[Count, Meta(description="Records in the file.")]
    sha256: Annotated[str, Meta(description="Of the file.")]
    personal_details: DetailsFound
    evaluation_texts: TestedFound
    left_out: LeftOut


class DataSetQuery(RedactionQuery, frozen=True):
    """Choice of judgments, and what of them the data set holds."""

    contents: Annotated[
        Contents, one_of(get_args(Contents)), Meta(description="Preference pairs, or a row for each judgment.")
    ] = "pairs"
