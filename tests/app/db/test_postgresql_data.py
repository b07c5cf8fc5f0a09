"""Import, queue, searches and exports on PostgreSQL, whose SQL is stricter."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Flask

from app.db import Role, write_transaction
from app.services.exchange import exports, imports, judgment_search
from app.services.exchange.incoming import history
from app.services.exchange.incoming.import_plan import ImportPlan
from app.services.exchange.judgment_search import JudgmentFilter
from app.services.prompts import queue, retirement, search, studio_settings
from app.services.prompts.search import PromptFilter
from tests import factories
from tests.studio import make_person, parts


def test_data_is_managed_on_postgresql_as_on_sqlite(postgres_app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [{"prompt": f"fool {n}", "chosen": "a", "rejected": "b", "priority": n} for n in range(3)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with parts(postgres_app).sessions() as session:
        admin = make_person(postgres_app, session, Role.ADMIN)
        factories.prompt(session, "check", queued=True, gold_answer="yes", gold_wrong=["no"])
        mapping = imports.preview(session, path, {}, 1000).mapping.as_json()
        asked = ImportPlan.parse(mapping | {"judgments": True, "overlap_of_all": 2}, "a.jsonl")
        *_, last = imports.run(session, admin.id, path, asked, 1000)
        assert (last.report.added, last.report.judgments) == (3, 3)
        decided = studio_settings.settings(session)
        other = make_person(postgres_app, session)
        served = queue.next_waiting(session, other.id, decided)
        assert served is not None
        assert served.text == "fool 2"
        with write_transaction(session):
            retirement.retire(session, decided, before=served)
        assert queue.left_over(session, other.id, [], decided) is None
        screens = [factories.generation(session, other.id) for _ in range(30)]
        gold = queue.next_gold(session, other.id, decided)
        assert gold is not None
        assert gold.text == "check"
        factories.judgment(session, screens[0], pairs=False, verdict="none", candidate_id=None)
        for state in search.STATES:
            wanted = PromptFilter(state, text="o")
            assert len(search.page(session, wanted).rows) == search.count(session, wanted)
        assert "a.jsonl" in search.sources(session)
        assert search.change_all(session, admin.id, PromptFilter(), {"priority": 1}) == 3
        query = {"text": "FOOL", "source": "a.jsonl", "gold": "no", "since": "2026-01-01", "flagged": "no"}
        found = judgment_search.page(session, JudgmentFilter.parse(query))
        assert len(found.judgments) == 3
        assert len(list(exports.stream(session, "kto"))) == 9
        assert len(list(exports.stream(session, "csv", JudgmentFilter.parse(query)))) == 4
        for name in ("labelstudio", "argilla"):
            assert len(json.loads("".join(exports.stream(session, name, JudgmentFilter.parse(query))))) == 3
        assert len(list(exports.stream(session, "judgments-jsonl"))) == 4
        undone = history.undo(session, admin.id, history.page(session).imports[0].record.id)
        assert (undone.prompts, undone.judgments) == (3, 3)
        assert history.undo(session, admin.id, history.page(session).imports[0].record.id).judgments == 0
