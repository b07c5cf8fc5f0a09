"""A person can be deleted with all that they wrote, or so that nobody knows whose their judgments were."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import MetaData, select
from sqlalchemy.orm import Session

from app.db import (
    ApiToken,
    AuditEvent,
    Base,
    DeletedJudgment,
    Generation,
    Invitation,
    Judgment,
    OrganisationAccount,
    PasswordReset,
    Prompt,
    RecoveryCode,
    Reservation,
    Review,
    Role,
    SecondFactor,
    SignInSession,
    User,
    now,
)
from app.domain_errors import Conflict, Invalid, NotFound, NotSignedIn
from app.services.people import (
    accounts,
    agreement,
    api_tokens,
    deletion,
    invitations,
    password_resets,
    passwords,
    sign_ins,
    statistics,
)
from app.services.people.authentication import organisation_accounts, recovery_codes, second_factor
from app.services.people.authentication.organisation_accounts import Claims
from app.services.people.deletion import Traces
from app.services.people.sign_ins import Guess
from app.services.review import looking
from app.services.system import audit_copies
from tests import factories
from tests.studio import parts, rows

EMAIL = "ada@example.org"
PSEUDONYM = re.compile("Person [0-9a-f]{4}")


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on each database in turn."""
    app: Flask = request.getfixturevalue("app" if request.param == "sqlite" else "postgres_app")
    with parts(app).sessions() as session:
        yield session


@pytest.fixture
def admin(session: Session) -> int:
    return factories.user(session, role=Role.ADMIN).id


def ada(session: Session) -> int:
    """Somebody who typed a text, judged it with a reason, wrote a better one, and has a screen that waits."""
    person = factories.user(session, email=EMAIL, name="Ada Lovelace", settings={"zone": "Asia/Samarkand"}).id
    typed = factories.prompt(session, "a zebra was typed", source="typed")
    factories.judgment(session, factories.generation(session, person, prompt=typed), reason="for an okapi")
    edited = factories.generation(session, person)
    factories.judgment(session, edited, verdict="edited", edited_text="a quagga", candidate_id=None, comment="no tapir")
    factories.generation(session, person, prompt=factories.prompt(session, "a gnu waits", source="typed"))
    return person


def everything(session: Session) -> str:
    """All that the database holds, as one text."""
    session.rollback()
    metadata: MetaData = Base.metadata
    return repr([session.execute(select(table)).all() for table in metadata.sorted_tables])


def test_what_is_there_is_said_in_numbers(session: Session) -> None:
    person, other = ada(session), factories.user(session).id
    shared = factories.prompt(session, source="typed")
    for somebody in (person, other):
        factories.generation(session, somebody, prompt=shared)
    factories.judgment(session, factories.generation(session, person), imported=True, annotator="Bob")
    assert deletion.traces(session, person) == Traces(
        judgments=2,
        written=1,
        reasons=1,
        comments=1,
        versions=0,
        screens=4,
        unjudged=2,
        texts=2,
        shared_texts=1,
        others=1,
    )


def test_nothing_of_a_deleted_person_is_left_and_nothing_of_others_is_lost(either: Session) -> None:
    admin, person, other = factories.user(either, role=Role.ADMIN).id, ada(either), factories.user(either).id
    theirs = factories.judgment(either, factories.generation(either, other)).id
    deleted = deletion.delete_person(either, admin, person, " ADA@example.org ", keep_judgments=False)
    assert sorted(deleted.texts) == ["a gnu waits", "a zebra was typed"]
    kept = everything(either)
    for word in ("ada@", "Ada", "Lovelace", "Samarkand", "zebra", "okapi", "quagga", "tapir", "gnu"):
        assert word not in kept, word
    assert [judgment.id for judgment in rows(either, Judgment)] == [theirs]
    assert len(rows(either, DeletedJudgment)) == 2
    assert {screen.user_id for screen in rows(either, Generation)} == {other}


def test_the_account_has_a_pseudonym_and_no_way_in(session: Session, admin: int) -> None:
    person = ada(session)
    _, token = api_tokens.make(session, person, "a script", ["read"], 30)
    _, link = password_resets.make(session, admin, person)
    cookie = factories.sign_in(session, session.get_one(User, person))
    deleted = deletion.delete_person(session, admin, person, EMAIL, keep_judgments=False)
    user = session.get_one(User, person)
    assert PSEUDONYM.fullmatch(deleted.pseudonym)
    assert (user.name, user.active, user.password_hash) == (deleted.pseudonym, False, "")
    assert [rows(session, table) for table in (ApiToken, PasswordReset, SignInSession)] == [[], [], []]
    with pytest.raises(NotSignedIn):
        api_tokens.bearer(session, token)
    with pytest.raises(NotFound):
        password_resets.use(session, link, "a calm password")
    assert accounts.by_session(session, cookie, timedelta(days=1)) is None
    assert accounts.authenticate(session, EMAIL, factories.PASSWORD) is None
    assert accounts.authenticate(session, user.email, "") is None
    with pytest.raises(Conflict, match=r"^That account was deleted\.$"):
        accounts.set_active(session, admin, person, True)
    with pytest.raises(Conflict, match=r"^That account was deleted\.$"):
        accounts.set_role(session, admin, person, "admin")
    with pytest.raises(NotFound):
        passwords.set_password(session, user.email, "a calm password")
    assert accounts.add_user(session, admin, EMAIL, "a calm password", "annotator").id != person


def test_the_second_factor_and_the_account_of_an_organisation_go_too(either: Session) -> None:
    admin = factories.user(either, role=Role.ADMIN).id
    claims = Claims("https://id.example.org", "ada-1", EMAIL, "Ada", None)
    person = organisation_accounts.admit(either, claims).user.id
    second_factor.draw(either, person, "a key")
    recovery_codes.renew(either, person)
    either.commit()
    deletion.delete_person(either, admin, person, EMAIL, keep_judgments=True)
    tables = (OrganisationAccount, SecondFactor, RecoveryCode)
    assert [rows(either, table) for table in tables] == [[], [], []]
    assert organisation_accounts.admit(either, claims).user.id != person, "nobody knows who it was"


def test_judgments_that_are_kept_still_count_for_agreement_under_the_pseudonym(session: Session, admin: int) -> None:
    person, other = ada(session), factories.user(session).id
    shared = factories.prompt(session)
    for somebody in (person, other):
        factories.judgment(session, factories.generation(session, somebody, prompt=shared))
    before = agreement.measured(session)
    deleted = deletion.delete_person(session, admin, person, EMAIL, keep_judgments=True)
    after = agreement.measured(session)
    assert (after.alpha, after.pairs) == (before.alpha, before.pairs)
    assert len(rows(session, Judgment)) == 4
    assert rows(session, DeletedJudgment) == []
    assert deleted.texts == ["a gnu waits"], "what was typed and not judged is no judgment"
    assert person in {number for number, _ in statistics.window(session).rows}
    assert [member.user.name for member in statistics.members(session, [person])] == [deleted.pseudonym]
    kept = everything(session)
    for word in ("ada@", "Ada", "Lovelace", "Samarkand", "gnu"):
        assert word not in kept, word
    assert "a quagga" in kept


def test_what_was_kept_can_be_deleted_later_and_the_pseudonym_stays(session: Session, admin: int) -> None:
    person = ada(session)
    pseudonym = deletion.delete_person(session, admin, person, EMAIL, keep_judgments=True).pseudonym
    assert deletion.by_email(session, pseudonym).id == person
    assert deletion.delete_person(session, admin, person, pseudonym, keep_judgments=False).pseudonym == pseudonym
    assert rows(session, Judgment) == []
    assert person not in {number for number, _ in statistics.window(session).rows}


def test_it_wants_the_email_and_spares_oneself_and_the_last_admin(session: Session, admin: int) -> None:
    person, second = ada(session), factories.user(session, role=Role.ADMIN).id
    with pytest.raises(Invalid, match=r"^Type the email to confirm: what was typed is another one\.$"):
        deletion.delete_person(session, admin, person, "bob@example.org", keep_judgments=False)
    own = session.get_one(User, admin).email
    with pytest.raises(Conflict, match=r"^You cannot delete your own account: ask another admin\.$"):
        deletion.delete_person(session, admin, admin, own, keep_judgments=False)
    with pytest.raises(NotFound, match=r"^There is no user 99\.$"):
        deletion.delete_person(session, admin, 99, EMAIL, keep_judgments=False)
    accounts.set_active(session, admin, second, False)
    with pytest.raises(Conflict, match=r"^There has to be at least one admin: make someone else one first\.$"):
        deletion.delete_person(session, None, admin, own, keep_judgments=False)
    assert [user.deleted_at for user in rows(session, User)] == [None, None, None]
    assert len(rows(session, Judgment)) == 2


def test_the_audit_log_keeps_the_number_and_forgets_who_that_was_and_its_chain_holds(
    session: Session, admin: int
) -> None:
    invitation, token = invitations.invite(session, admin, "annotator", "for Ada Lovelace", 7)
    user = invitations.accept(session, token, EMAIL, "Ada Lovelace", "a calm password")
    accounts.change_profile(session, user.id, "Ada King", EMAIL, "")
    factories.sign_in(session, user)
    sign_ins.signed_in(session, user, "192.0.2.7")
    sign_ins.refused(session, Guess(EMAIL, "password", "192.0.2.7", None), 1, "key")
    sign_ins.refused(session, Guess("bob@example.org", "password", "192.0.2.7", user.id), 1, "key")
    invitation_id, person = invitation.id, user.id
    deletion.delete_person(session, admin, person, EMAIL, keep_judgments=False)
    log = [(event.user_id, event.action, event.subject, event.details) for event in rows(session, AuditEvent)]
    assert log == [
        (admin, "invitation.created", f"invitation {invitation_id}", {"role": "annotator"}),
        (person, "user.joined", f"user {person}", {"invitation": invitation_id}),
        (person, "profile.changed", f"user {person}", {}),
        (person, "user.signed_in", f"user {person}", {}),
        (None, "sign_in.refused", f"user {person}", {"reason": "wrong password"}),
        (person, "password.refused", "unknown email", {"reason": "unknown email", "hash": log[5][3]["hash"]}),
        (admin, "sessions.ended", f"user {person}", {"number": 1, "why": "ended when the account was deleted"}),
        (admin, "person.deleted", f"user {person}", {"judgments": 0, "kept": 0, "texts": 0, "erased": 6}),
    ]
    found = audit_copies.verify(session)
    assert (found.broken, found.erased) == (None, 6)
    assert [one.label for one in rows(session, Invitation)] == [""]


def test_a_typed_text_that_others_saw_or_that_waits_in_the_queue_stays(session: Session, admin: int) -> None:
    person, other = ada(session), factories.user(session).id
    seen, queued = (factories.prompt(session, source="typed", queued=waits) for waits in (False, True))
    for prompt, people in ((seen, (person, other)), (queued, (person,))):
        for somebody in people:
            factories.generation(session, somebody, prompt=prompt)
    kept = {seen.id, queued.id}
    deletion.delete_person(session, admin, person, EMAIL, keep_judgments=False)
    assert kept == {prompt.id for prompt in rows(session, Prompt) if prompt.source == "typed"}


def test_what_they_imported_of_others_stays_and_what_they_changed_of_it_goes(session: Session, admin: int) -> None:
    person = ada(session)
    screen = factories.generation(session, person)
    imported = factories.judgment(session, screen, imported=True, annotator="Bob", undone_at=now()).id
    factories.judgment(session, screen)
    deletion.delete_person(session, admin, person, EMAIL, keep_judgments=False)
    assert [judgment.id for judgment in rows(session, Judgment)] == [imported]


def test_a_deletion_that_was_interrupted_goes_on_when_it_is_asked_for_again(
    session: Session, admin: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = ada(session)
    with monkeypatch.context() as patch:
        patch.setattr(deletion, "_make_nobody", fail)
        with pytest.raises(RuntimeError):
            deletion.delete_person(session, admin, person, EMAIL, keep_judgments=False)
    assert not session.get_one(User, person).active, "nobody writes more meanwhile"
    deletion.delete_person(session, admin, person, EMAIL, keep_judgments=False)
    assert session.get_one(User, person).deleted_at is not None


def fail(*_: object) -> None:
    raise RuntimeError("the power is off")


def test_reservations_go(session: Session, admin: int) -> None:
    person = ada(session)
    session.add(Reservation(prompt_id=factories.prompt(session).id, user_id=person, until=now()))
    session.commit()
    deletion.delete_person(session, admin, person, EMAIL, keep_judgments=True)
    assert rows(session, Reservation) == []


def imported_judgment(session: Session, by: int, name: str) -> Judgment:
    screen = factories.generation(session, by)
    return factories.judgment(session, screen, imported=True, annotator=name, client_key=f"i-{screen.id}")


def test_the_judgments_of_somebody_whom_a_file_names_can_be_deleted(either: Session) -> None:
    admin = factories.user(either, role=Role.ADMIN).id
    for name in ("Ada", "Ada", "Bob"):
        imported_judgment(either, admin, name)
    assert sorted(deletion.imported(either)) == [("Ada", 2), ("Bob", 1)]
    assert asdict(deletion.imported_traces(either, "Ada"))["judgments"] == 2
    with pytest.raises(Invalid, match=r"^Type the name to confirm: what was typed is another one\.$"):
        deletion.delete_imported(either, admin, "Ada", "Bob", keep_judgments=False)
    deletion.delete_imported(either, admin, "Ada", " Ada ", keep_judgments=False)
    gone = rows(either, AuditEvent)[-1]
    assert (gone.action, gone.user_id, gone.subject) == ("person.deleted", admin, "imported person")
    assert gone.details == {"judgments": 2, "kept": 0}
    assert [judgment.annotator for judgment in rows(either, Judgment)] == ["Bob"]
    assert "Ada" not in everything(either)
    with pytest.raises(NotFound, match=r"^No imported judgment names that person\.$"):
        deletion.delete_imported(either, admin, "Ada", "Ada", keep_judgments=False)


def test_somebody_whom_a_file_names_can_get_a_pseudonym(either: Session) -> None:
    admin = factories.user(either, role=Role.ADMIN).id
    made = [imported_judgment(either, admin, name) for name in ("Ada", "Ada", "Bob")]
    keys = [judgment.client_key for judgment in made]
    pseudonym = deletion.delete_imported(either, admin, "Ada", "Ada", keep_judgments=True).pseudonym
    stored = rows(either, Judgment)
    assert [judgment.annotator for judgment in stored] == [pseudonym, pseudonym, "Bob"]
    assert PSEUDONYM.fullmatch(pseudonym)
    assert not {judgment.client_key for judgment in stored[:2]} & set(keys), "the old ones were made of the name"
    assert stored[2].client_key == keys[2]
    assert "Ada" not in everything(either)


def test_what_a_deleted_reviewer_decided_counts_again_and_stays_decided_if_it_is_kept(
    session: Session, admin: int
) -> None:
    annotator, reviewer = factories.user(session).id, factories.user(session).id
    prompt = factories.prompt(session)
    first = factories.judgment(session, factories.generation(session, annotator, prompt=prompt))
    decision = factories.judgment(session, factories.generation(session, reviewer, prompt=prompt), decision=True)
    looking.look(session)
    for kept, by in ((True, decision.id), (False, None)):
        called = session.get_one(User, reviewer).email
        deletion.delete_person(session, admin, reviewer, called, keep_judgments=kept)
        looking.look(session)
        assert rows(session, Judgment)[0].decided_by == by
    assert (first.id, [one.id for one in rows(session, Review)]) == (rows(session, Judgment)[0].id, [])
