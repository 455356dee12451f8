"""Draw the form by which a lead sets a reader study up."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from strokeapp.errors import StrokeAppError
from strokeapp.inference.words import NAMES
from strokeapp.performance.readers import POSITIVE_FROM, Confidence
from strokeapp.records.blinding import IN_USE, case_users, folder_users, may_use
from strokeapp.records.case_sources import case_folders, demonstration_cases, folder_cases, with_truth
from strokeapp.records.location import CASES, VARIABLE, cases_folder
from strokeapp.records.reader_study import Access, CasePlan, CaseSource, Design, StudyPlan
from strokeapp.records.study_repository import create_study, enter
from strokeapp.types import Finding
from strokeapp.ui import reader_study_network as network
from strokeapp.ui import reader_study_state as state
from strokeapp.ui.plain import plain
from strokeapp.ui.reader_study_words import CONFIDENCE_WORDS, DESIGN_NOTES, DESIGN_WORDS, QUESTIONS

SOURCES = {
    CaseSource.DEMONSTRATION: "Demonstration studies (synthetic)",
    CaseSource.FOLDER: "A folder on this server",
}
FIRST_CHOSEN = 3
TRUTH = {True: "yes", False: "no", None: "not known"}


def show_setup() -> None:
    """Draw the form; a study that is made lets its lead in."""
    title = st.text_input("Title", placeholder="Readers see it", key="study-title")
    try:
        cases, lead = _choose_cases()
    except StrokeAppError as error:
        st.error(plain(error.user_message))
        cases, lead = (), None
    questions = _choose_questions()
    names = st.text_area("Readers, one name or code per line", key="study-readers", height=110)
    design, washout = _choose_design()
    with st.expander("More settings"):
        positive_from = st.selectbox(
            "A call of the finding begins at",
            [Confidence.UNCERTAIN, Confidence.PROBABLY_PRESENT, Confidence.DEFINITELY_PRESENT],
            index=[Confidence.UNCERTAIN, Confidence.PROBABLY_PRESENT].index(POSITIVE_FROM),
            format_func=CONFIDENCE_WORDS.__getitem__,
            help="For sensitivity, specificity, accuracy and kappa. The AUC uses all five steps.",
        )
        seed = st.number_input("Seed of the random order", min_value=0, max_value=2**32 - 1, value=1, step=1)
    if st.button("Create the study", type="primary", key="study-create"):
        plan = StudyPlan(title.strip(), questions, design, washout, positive_from, int(seed))
        _create(plan, cases, tuple(line.strip() for line in names.splitlines() if line.strip()), lead)


def _create(plan: StudyPlan, cases: tuple[CasePlan, ...], names: tuple[str, ...], lead: Access | None) -> None:
    database = state.database()
    try:
        study, lead_code, codes = create_study(database, plan, cases, names, lead=lead)
    except StrokeAppError as error:
        st.error(plain(error.user_message))
        return
    network.start(database, study.id)
    state.let_in(Access(study.id, None))
    st.session_state[state.NEW_CODES] = state.NewCodes(lead_code, codes)
    st.rerun()


def _choose_cases() -> tuple[tuple[CasePlan, ...], Access | None]:
    """Return the cases, and who gave a lead's code where one was asked for."""
    source = st.radio("Cases", list(SOURCES), format_func=SOURCES.__getitem__, horizontal=True, key="study-source")
    if source is CaseSource.DEMONSTRATION:
        offered = {case.name: case for case in demonstration_cases()}
        chosen = st.multiselect("Studies", list(offered), default=list(offered)[:FIRST_CHOSEN], key="study-demos")
        st.caption("Synthetic: for trying the study out, not for measuring anybody.")
        return tuple(offered[name] for name in chosen), None
    folders = case_folders(cases_folder())
    if not folders:
        st.info(
            f"There is no folder of cases yet. Put one below “{CASES}” in the data folder ({VARIABLE}): one folder, "
            "zip or file per case, or a manifest.csv with the truth."
        )
        return (), None
    name = st.selectbox("Folder", folders, key="study-folder")
    database = state.database()
    # Before the folder is listed, so that not even an error of its manifest names a case.
    users = folder_users(database, name)
    lead = _ask_for_lead(users)
    if not may_use(users, lead):
        return (), None
    cases = folder_cases(cases_folder(), name)
    if not users:
        users = case_users(database, cases)
        lead = _ask_for_lead(users)
    return (_with_edited_truth(cases, name), lead) if may_use(users, lead) else ((), None)


def _ask_for_lead(users: frozenset[int]) -> Access | None:
    """Ask for the code of the lead whose study runs on the folder; with no such study ask for nothing."""
    if not users:
        return None
    st.warning(IN_USE)
    code = st.text_input("Code of its lead", type="password", autocomplete="off", key="study-lead-code").strip()
    lead = enter(state.database(), code) if code else None
    if lead is not None and not may_use(users, lead):
        st.error("This is not the code of the lead of a study that runs on these cases.")
    return lead


def _with_edited_truth(cases: tuple[CasePlan, ...], name: str) -> tuple[CasePlan, ...]:
    """Say how many cases there are; their names and truth only on request, to correct them and leave cases out."""
    if st.toggle("Show names and truth, to correct them or leave cases out", key=f"study-show-{name}"):
        cases = _edited(cases, key=f"study-truth-{name}")
    counts = [f"{len(cases)} cases"]
    for finding in Finding:
        known = [case.truth.get(finding) for case in cases]
        words = f"{known.count(True)} with, {known.count(False)} without, {known.count(None)} not known"
        counts.append(f"{NAMES[finding].lower()}: {words}")
    st.caption(" · ".join(counts))
    return cases


def _edited(cases: tuple[CasePlan, ...], *, key: str) -> tuple[CasePlan, ...]:
    """Let the lead correct the truth and leave cases out."""
    columns = {finding: NAMES[finding] for finding in Finding}
    table = pd.DataFrame(
        {"Use": True, "Case": [case.name for case in cases]}
        | {columns[finding]: [TRUTH[case.truth.get(finding)] for case in cases] for finding in Finding}
    )
    choice = {name: st.column_config.SelectboxColumn(options=list(TRUTH.values())) for name in columns.values()}
    edited = st.data_editor(table, column_config=choice, disabled=["Case"], hide_index=True, key=key, height="auto")
    back = {word: value for value, word in TRUTH.items()}
    return tuple(
        with_truth(case, {finding: back[row[columns[finding]]] for finding in Finding})
        for case, row in zip(cases, edited.to_dict("records"), strict=True)
        if row["Use"]
    )


def _choose_questions() -> dict[Finding, str]:
    chosen = st.multiselect(
        "Findings asked about",
        list(Finding),
        default=list(Finding),
        format_func=NAMES.__getitem__,
        key="study-findings",
    )
    return {
        finding: st.text_input(
            f"Question: {NAMES[finding].lower()}", QUESTIONS[finding], key=f"study-q-{finding}"
        ).strip()
        for finding in chosen
    }


def _choose_design() -> tuple[Design, float]:
    design = st.radio("Design", list(Design), format_func=DESIGN_WORDS.__getitem__, key="study-design")
    st.caption(DESIGN_NOTES[design])
    if design is Design.ONCE:
        return design, 0.0
    days = st.number_input(
        "Washout in days", min_value=0.0, max_value=3650.0, value=28.0, step=1.0, key="study-washout",
        help="Least time between a reader's last answer of the first session and the second session.",
    )  # fmt: skip
    if not days:
        st.warning("Without a washout readers may remember the cases and what they answered.")
    return design, float(days)
