"""Where cases come from: manifests, folders, demonstrations; and the stored readings of the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from strokeapp.demonstration import demonstrations
from strokeapp.demonstration.truth import truth_of
from strokeapp.errors import ReaderStudyError, RecordsError
from strokeapp.records.case_sources import case_files, demonstration_cases, folder_cases
from strokeapp.records.database import Database
from strokeapp.records.location import cases_folder, data_folder
from strokeapp.records.network_store import load_result, load_results, store_result
from strokeapp.records.reader_study import CasePlan, CaseSource, StudyPlan
from strokeapp.records.study_repository import create_study, load_cases
from strokeapp.types import Finding, FindingResult, Reading, SliceReading


def manifest(root: Path, text: str, files: tuple[str, ...] = ("a.png", "b.png", "c.png")) -> Path:
    folder = root / "set"
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_bytes(b"x")
    (folder / "manifest.csv").write_text(text, encoding="utf-8")
    return root


def test_rows_of_one_patient_are_one_case_that_has_what_any_row_has(tmp_path: Path) -> None:
    text = "path,patient,hemorrhagic,ischemic\na.png,P1,0,\nb.png,P1,1,0\nc.png,P2,0,0\n"
    first, second = folder_cases(manifest(tmp_path, text), "set")
    assert first.paths == ("set/a.png", "set/b.png")
    assert first.truth == {Finding.HEMORRHAGIC: True, Finding.ISCHEMIC: None}
    assert second.truth == {Finding.HEMORRHAGIC: False, Finding.ISCHEMIC: False}
    assert case_files(first, tmp_path) == [tmp_path / "set" / "a.png", tmp_path / "set" / "b.png"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,hemorrhagic\na.png,1\n", "ischemic"),
        ("path,hemorrhagic,ischemic\n", "no rows"),
        ("path,hemorrhagic,ischemic\na.png,yes,0\n", "1, 0 or empty"),
        ("path,hemorrhagic,ischemic\n../secret.png,1,0\n", "does not lie in"),
        ("path,hemorrhagic,ischemic\n/etc/passwd,1,0\n", "does not lie in"),
        ("path,hemorrhagic,ischemic\nnone.png,1,0\n", "there is no"),
        ("", "not a CSV table"),
    ],
)
def test_bad_manifests_are_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ReaderStudyError, match=message):
        folder_cases(manifest(tmp_path, text), "set")


def test_a_folder_without_a_manifest_is_one_case_per_entry_of_unknown_truth(tmp_path: Path) -> None:
    for name in ("study 10", "study 2"):
        (tmp_path / "set" / name).mkdir(parents=True)
    cases = folder_cases(tmp_path, "set")
    assert [case.name for case in cases] == ["study 2", "study 10"]
    assert all(value is None for case in cases for value in case.truth.values())
    with pytest.raises(ReaderStudyError, match="not below"):
        folder_cases(tmp_path, "../set")


def test_a_case_whose_files_went_away_says_so(tmp_path: Path) -> None:
    case = CasePlan("x", CaseSource.FOLDER, ("set/gone",), {})
    with pytest.raises(ReaderStudyError, match="not where they were"):
        case_files(case, tmp_path)


def test_every_demonstration_has_a_truth_that_its_description_bears_out() -> None:
    for study in demonstrations():
        truth, words = truth_of(study), study.description.lower()
        assert truth[Finding.ISCHEMIC] is ("infarct" in words and "no infarct" not in words)
        assert truth[Finding.HEMORRHAGIC] is ("hematoma" in words)
    assert len(demonstration_cases()) == len(demonstrations())
    assert all(case_files(case, Path("unused"))[0].is_file() for case in demonstration_cases())


def test_data_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STROKEAPP_DATA", str(tmp_path / "here"))
    assert cases_folder() == tmp_path / "here" / "cases"
    assert not data_folder().exists()
    monkeypatch.setenv("STROKEAPP_DATA", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert data_folder() == tmp_path / "xdg" / "strokeapp"


def reading() -> Reading:
    maps = {Finding.HEMORRHAGIC: np.random.default_rng(0).integers(0, 255, (2, 8, 9), dtype=np.uint8)}
    findings = {Finding.HEMORRHAGIC: FindingResult(0.8, 0.3), Finding.ISCHEMIC: FindingResult(0.1, 0.2)}
    return Reading("net", "1", findings, (SliceReading(0, 0.1, None), SliceReading(1, 0.9, 0.2)), maps)


def test_a_reading_comes_back_with_its_maps_and_cannot_be_stored_twice(tmp_path: Path) -> None:
    database = Database(tmp_path / "records.sqlite3")
    case = CasePlan("x", CaseSource.FOLDER, ("set/x",), dict.fromkeys(Finding, True))
    other = CasePlan("y", CaseSource.FOLDER, ("set/y",), dict.fromkeys(Finding, True))
    study, _, _ = create_study(database, StudyPlan("S", dict.fromkeys(Finding, "?")), [case, other], ["A"])
    first, second = load_cases(database, study.id)
    store_result(database, first.id, reading())
    store_result(database, second.id, None, "Colors are not measurements.")
    back = load_result(database, first.id).reading
    np.testing.assert_array_equal(back.lesion_maps[Finding.HEMORRHAGIC], reading().lesion_maps[Finding.HEMORRHAGIC])
    assert (back.findings, back.slices) == (reading().findings, reading().slices)
    assert load_results(database, study.id)[second.id].message == "Colors are not measurements."
    with pytest.raises(RecordsError):
        store_result(database, first.id, reading())
