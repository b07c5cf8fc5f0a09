"""The zip of a person holds all that is theirs, none of anybody's secrets, and is never whole in memory."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db import (
    FIRST,
    ApiToken,
    FileImport,
    OrganisationAccount,
    PasswordReset,
    ProjectMember,
    ProjectRole,
    RecoveryCode,
    Reservation,
    SecondFactor,
    SignInSession,
    StudioSetting,
    User,
    Webhook,
    now,
)
from app.domain_errors import NotFound
from app.services.exchange.personal import archive
from app.services.exchange.personal.rows import KINDS
from app.services.people import accounts, api_tokens, invitations, password_resets
from app.services.people.authentication import recovery_codes
from app.services.prompts.assigning import assignments, groups, standing
from app.services.prompts.assigning.assignments import Assigning
from tests import factories
from tests.studio import rows


def files(pieces: Iterator[bytes]) -> dict[str, Any]:
    """The rows of each file, and the text of the README."""
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as made:
        assert made.testzip() is None
        texts = {name: made.read(name).decode() for name in made.namelist()}
    readme = texts.pop("README.md")
    return {"README": readme} | {
        name.removesuffix(".jsonl"): [json.loads(line) for line in text.splitlines()] for name, text in texts.items()
    }


def test_it_has_a_row_of_every_kind_and_no_secret(session: Session) -> None:
    person = accounts.add_user(session, None, "ada@example.org", "a calm password", "admin", "Ada").id
    _, token = api_tokens.make(session, person, "a script", ["read"], 30, form_key="1" * 32)
    _, reset = password_resets.make(session, person, person)
    _, link = invitations.invite(session, person, "annotator", "for Bob", 7, form_key="2" * 32)
    codes = recovery_codes.renew(session, person)
    typed = factories.prompt(session, "typed at the desk", source="typed")
    factories.judgment(session, factories.generation(session, person, prompt=typed), reason="for a reason")
    factories.run(session, requested_by=person)
    session.add_all(
        [
            FileImport(user_id=person, file_name="texts.csv", source="texts"),
            OrganisationAccount(user_id=person, issuer="https://id.example.org", subject="ada-1"),
            ProjectMember(project_id=FIRST, user_id=person, role=ProjectRole.REVIEWER),
            Reservation(user_id=person, prompt_id=typed.id, until=now()),
            SecondFactor(user_id=person, sealed_secret="sealed with a key"),
            StudioSetting(name="guidelines", value={"value": "Be kind."}, changed_by=person),
            Webhook(url="https://example.org/in-the-path", secret="whsec_hidden", events=[], created_by=person),
        ]
    )
    session.commit()
    team = groups.create(session, person, "Team", [person])
    queued = factories.prompt(session, queued=True)
    assignments.assign(session, person, [queued.id], Assigning(group_id=team.id, due=standing.today()))
    user = session.get_one(User, person)
    cookie = factories.sign_in(session, user)
    hashes = [user.password_hash, *(one.secret_hash for one in rows(session, SignInSession))]
    hashes += [one.token_hash for one in rows(session, ApiToken)]
    hashes += [one.token_hash for one in rows(session, PasswordReset)]
    hashes += [one.code_hash for one in rows(session, RecoveryCode)]
    secrets = [*hashes, *codes, token, reset, link, cookie, "whsec_hidden", "in-the-path", "1" * 32, "2" * 32]
    secrets.append("sealed with a key")
    found = files(archive.of_account(session, person))
    assert set(found) == {"README"} | {kind.name for kind in KINDS}
    for kind in KINDS:
        assert found[kind.name], f"nothing of {kind.name}"
        count = len(found[kind.name])
        assert f"`{kind.name}.jsonl`, {count} row{'' if count == 1 else 's'}: {kind.about}" in found["README"]
    assert found["README"].startswith("# What Mellow has stored of ada@example.org\n\nWritten on 20")
    [judgment] = found["judgments"]
    assert (judgment["prompt"], judgment["reason"]) == ("typed at the desk", "for a reason")
    assert [card["text"] for card in judgment["candidates"]] == ["first rewrite", "second rewrite", "third rewrite"]
    assert [pair["rejected"] for pair in judgment["pairs"]] == ["second rewrite", "third rewrite"]
    assert not any(secret in json.dumps(found) for secret in secrets)


def test_nothing_of_anybody_else_is_in_it(session: Session) -> None:
    person, other = factories.user(session).id, factories.user(session, email="bob@example.org").id
    factories.judgment(session, factories.generation(session, other), reason="of Bob")
    found = files(archive.of_account(session, person))
    assert {name: len(rows) for name, rows in found.items() if name != "README" and rows} == {"account": 1}
    assert "ob" not in json.dumps(found["account"])


def test_somebody_whom_a_file_names_has_their_judgments(session: Session) -> None:
    importer = factories.user(session).id
    for name in ("Ada", "Bob"):
        screen = factories.generation(session, importer)
        factories.judgment(session, screen, imported=True, annotator=name)
    found = files(archive.of_imported(session, "Ada"))
    assert set(found) == {"README", "judgments"}
    assert [row["annotator"] for row in found["judgments"]] == ["Ada"]
    said = "1 row: Every judgment that names them. When the person is deleted: They go, or stay under a pseudonym."
    assert f"- `judgments.jsonl`, {said}\n" in found["README"]
    assert "What Mellow has stored of Ada\n" in found["README"]


def test_an_account_that_is_not_there_has_no_zip(session: Session) -> None:
    with pytest.raises(NotFound, match=r"^There is no user 99\.$"):
        archive.of_account(session, 99)


def test_memory_does_not_grow_with_what_there_is(session: Session) -> None:
    person = factories.user(session).id
    prompt = factories.prompt(session, "x" * 20_000)
    for _ in range(600):
        factories.generation(session, person, ("y" * 20_000,), prompt=prompt)
    session.expunge_all()
    tracemalloc.start()
    size = sum(map(len, archive.of_account(session, person)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 20_000
    assert peak < 20_000_000, "of 24 MB of texts"
