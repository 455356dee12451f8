"""Cases of a study that runs: nobody but its lead may use them for another."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories_records import NOW, answer_all, cases, plan

from strokeapp.errors import ReaderStudyError
from strokeapp.records.blinding import case_users, folder_users, may_use
from strokeapp.records.database import Database
from strokeapp.records.study_repository import (
    create_study,
    enter,
    load_readers,
)
from strokeapp.types import Finding


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of cases: a set, a link to it, a copy of it, and a set that links to one case of it."""
    monkeypatch.setenv("STROKEAPP_DATA", str(tmp_path / "data"))
    root = tmp_path / "data" / "cases"
    for name in ("set", "copy", "half"):
        for k in range(4):
            (root / name / str(k)).mkdir(parents=True)
    (root / "alias").symlink_to(root / "set")
    (root / "half" / "3").rmdir()
    (root / "half" / "3").symlink_to(root / "set" / "0")
    return root


@pytest.mark.parametrize("folder", ["set", "alias", "half"])
def test_cases_of_a_study_that_runs_are_free_only_to_its_lead(database: Database, root: Path, folder: str) -> None:
    study, lead, codes = create_study(database, plan(), cases(2), ["A"], now=NOW)
    others = cases(4, folder)[-2:]  # other cases of the same folder, or a link to one of its cases
    asked = plan(questions={Finding.HEMORRHAGIC: "Is there a bleed?"})
    _, foreign, _ = create_study(database, plan(), cases(4, "copy"), ["B"])
    for code in (None, codes["A"], foreign):
        who = None if code is None else enter(database, code)
        with pytest.raises(ReaderStudyError, match="a study that runs"):
            create_study(database, asked, others, ["A"], lead=who)
        assert not may_use(case_users(database, others), who)
    assert folder_users(database, "set") == folder_users(database, "alias") == {study.id}
    assert folder_users(database, "nowhere") == case_users(database, cases(4, "nowhere")) == frozenset()
    create_study(database, asked, others, ["C"], lead=enter(database, lead))


def test_cases_are_free_again_when_all_readers_have_finished(database: Database, root: Path) -> None:
    study, _, _ = create_study(database, plan(), cases(), ["A", "B"], now=NOW)
    for reader in load_readers(database, study.id):
        assert folder_users(database, "set") == {study.id}
        answer_all(database, study, reader)
    assert folder_users(database, "set") == frozenset()
    create_study(database, plan(), cases(), ["C"])
    assert folder_users(database, "set") == {study.id + 1}
