"""Draw the result of a reader study, finding by finding, and offer every table as CSV."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from strokeapp.errors import PerformanceError
from strokeapp.inference.words import NAMES
from strokeapp.performance import reader_tables as tables
from strokeapp.performance.mrmc import Difference, Mean
from strokeapp.performance.reader_summaries import (
    ALL_LIKE_THESE,
    THESE_READERS,
    fleiss_summary,
    gain_summary,
    network_summary,
)
from strokeapp.records.answer_repository import Integrity, check_integrity, load_slots
from strokeapp.records.database import Database
from strokeapp.records.export import answer_table, network_table
from strokeapp.records.reader_study import Design, Study
from strokeapp.records.study_repository import load_readers
from strokeapp.ui import charts
from strokeapp.ui.charts import number, p_value, with_interval
from strokeapp.ui.plain import plain
from strokeapp.ui.reader_study_charts import reader_roc_figure
from strokeapp.ui.reader_study_words import CONFIDENCE_WORDS, WITH, WITHOUT, way

FEW_CASES = 30
NETWORK = "Network"


def show_results(database: Database, study: Study) -> None:
    """Draw integrity, then figures for a chosen finding, then downloads."""
    _show_integrity(check_integrity(database, study))
    _show_interim(database, study)
    answers, network = answer_table(database, study), network_table(database, study)
    if answers.empty:
        st.info("No answer is in yet.")
        return
    finding = st.segmented_control(
        "Finding", list(study.plan.questions), default=next(iter(study.plan.questions)),
        format_func=NAMES.__getitem__, key="result-finding",
    )  # fmt: skip
    if finding is not None:
        made = _show_finding(
            study, answers[answers["finding"] == finding.value], network[network["finding"] == finding.value]
        )
        stem = f"reader-study-{study.id}"
        everything = {"answers": answers, "network": network}
        _offer_downloads(
            {f"{stem}-{name}": table for name, table in everything.items()}
            | {f"{stem}-{finding.value}-{name}": table for name, table in made.items()}
        )


def _show_finding(study: Study, answers: pd.DataFrame, network: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Draw all about one finding and return the tables behind it by name."""
    bar = int(study.plan.positive_from)
    made = {"readers": tables.reader_table(answers, positive_from=bar)}
    made["network"] = pd.DataFrame([tables.network_row(network)])
    _show_note(answers, network, study)
    if not made["readers"].empty:
        _show_roc(made["readers"], network, made["network"].iloc[0].to_dict())
        _show_reader_table(made["readers"], made["network"].iloc[0].to_dict())
        made["against_network"] = tables.against_network_table(answers, network, positive_from=bar)
        made |= _show_against_network(made["against_network"], answers, network)
    made["kappa"] = tables.kappa_table(answers, positive_from=bar)
    made |= _show_agreement(made["kappa"], answers, bar)
    if study.plan.design is not Design.ONCE:
        made["gain"] = tables.gain_table(answers, positive_from=bar)
        made |= _show_gain(made["gain"], answers)
    return made


def _show_integrity(found: Integrity) -> None:
    if found.sound:
        st.caption(
            f":green[Records intact:] {found.answers} answers, chained by SHA-256. Last hash `{found.head[:16]}`, of "
            f"readers, codes and the network's results `{found.seals.head[:16]}`."
        )
        return
    where = "" if found.broken_at is None else f" The chain breaks at answer {found.broken_at}."
    plan = "" if found.definition_holds else " Plan, cases or truth are not those the study was set up with."
    rest = "" if found.seals.hold else " Readers, codes or the network's results are not those that were stored."
    st.error(f"The records were changed outside this program: do not use these results.{where}{plan}{rest}")


def _show_interim(database: Database, study: Study) -> None:
    """Name the readers who have readings to do, also those who have not begun."""
    left = []
    for reader in load_readers(database, study.id):
        slots = load_slots(database, reader.id)
        done = sum(slot.answered for slot in slots)
        if done < len(slots):
            left.append(f"{plain(reader.name)} ({done} of {len(slots)} readings)")
    if left:
        st.info(f"Interim: not every reader has read every case. Still to finish: {', '.join(left)}.")


def _show_note(answers: pd.DataFrame, network: pd.DataFrame, study: Study) -> None:
    known = network["truth"].notna()
    parts = [f"{int(known.sum())} cases of known truth, {int(network['truth'].sum())} with the finding"]
    unread = int(network["probability"].isna().sum())
    if unread:
        parts.append(f"{unread} without a reading of the network")
    parts.append(f"a call begins at “{CONFIDENCE_WORDS[study.plan.positive_from].partition(' · ')[2].lower()}”")
    st.caption(" · ".join(parts))
    untimed = int((answers["untimed_openings"] > 0).sum())
    if untimed:
        st.info(
            f"{untimed} of {len(answers)} answers have an opening whose end is not known, as after a reload: its time "
            "is missing. The column “untimed_openings” of the answers marks them."
        )
    if known.sum() < FEW_CASES:
        st.warning(
            f"Fewer than {FEW_CASES} cases: intervals are wide, and tests that lean on large samples do not hold."
        )


def _show_roc(readers: pd.DataFrame, network: pd.DataFrame, operating: dict[str, float]) -> None:
    known = network.dropna(subset=["truth", "probability"])
    if known["truth"].nunique() < 2:
        st.info("The ROC curve needs cases with and without the finding that the network has read.")
        return
    figure = reader_roc_figure(readers, known, operating)
    st.subheader("Readers on the network's ROC curve", anchor=False)
    chart, _ = st.columns([3, 2])
    chart.plotly_chart(figure, width="stretch", config=charts.CONFIG, key="result-roc")


def _show_reader_table(readers: pd.DataFrame, network: dict[str, float]) -> None:
    rows = [_figures(plain(row["reader"]), way(row["aided"]), row) for row in readers.to_dict("records")]
    rows.append(_figures(NETWORK, "alone", network))
    st.subheader("Sensitivity, specificity, AUC and time", anchor=False)
    _table(rows)
    st.caption(
        "Intervals: Wilson for shares, DeLong for the AUC (from the five confidences). Time: median seconds that the "
        "picture was on show."
    )


def _figures(who: str, how: str, row: dict[str, float]) -> dict[str, str]:
    shown = {"Reader": who, "Way": how, "Cases": f"{row['cases']:.0f}"}
    for name in ("sensitivity", "specificity", "accuracy", "auc"):
        label = "AUC" if name == "auc" else name.capitalize()
        shown[label] = with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"])
    return shown | {"Seconds": number(row.get("seconds", np.nan), digits=0)}


def _show_against_network(table: pd.DataFrame, answers: pd.DataFrame, network: pd.DataFrame) -> dict[str, pd.DataFrame]:
    st.subheader("Readers against the network, without AI", anchor=False)
    if table.empty:
        st.info("No case has been read by a reader without AI and by the network yet.")
        return {}
    _table(
        {
            "Reader": plain(row["reader"]),
            "Cases": f"{row['cases']}",
            "AUC reader": number(row["auc_reader"], digits=3),
            "AUC network": number(row["auc_network"], digits=3),
            "Difference": _signed(row["auc_difference"], digits=3),
            "DeLong p": p_value(row["delong_p"]),
            "Only reader right": f"{row['only_reader_right']}",
            "Only network right": f"{row['only_network_right']}",
            "McNemar p (mid)": p_value(row["mcnemar_mid_p"]),
            "McNemar p (exact)": p_value(row["mcnemar_exact_p"]),
        }
        for row in table.to_dict("records")
    )
    try:
        random, fixed, readers, cases = tables.readers_against_network_means(answers, network)
    except PerformanceError as error:
        st.caption(error.user_message)
        return {}
    st.markdown(f"Mean AUC of {readers} readers minus the network's, {cases} cases:")
    _table([_mean(ALL_LIKE_THESE, random), _mean(THESE_READERS, fixed)])
    return {"mean_against_network": network_summary(random, fixed, readers=readers, cases=cases)}


def _show_agreement(table: pd.DataFrame, answers: pd.DataFrame, bar: int) -> dict[str, pd.DataFrame]:
    if table.empty:
        return {}
    st.subheader("Agreement between readers, without AI", anchor=False)
    _table(
        {
            "Readers": plain(f"{row['first']} and {row['second']}"),
            "Cases": f"{row['cases']}",
            "Cohen's kappa of calls": _signed(row["calls"], row["calls_low"], row["calls_high"]),
            "Weighted kappa of confidences": _signed(
                row["confidences"], row["confidences_low"], row["confidences_high"]
            ),
        }
        for row in table.to_dict("records")
    )
    found = tables.fleiss_of_calls(answers, positive_from=bar)
    if found is None:
        return {}
    kappa, cases = found
    st.markdown(f"Fleiss' kappa of all readers' calls: **{_signed(kappa.value, *kappa.interval)}**, {cases} cases.")
    readers = answers.loc[~answers["aided"], "reader"].nunique()
    return {"fleiss_kappa": fleiss_summary(kappa, readers=readers, cases=cases)}


def _show_gain(table: pd.DataFrame, answers: pd.DataFrame) -> dict[str, pd.DataFrame]:
    st.subheader("With and without AI", anchor=False)
    if table.empty:
        st.info("No case has been read both ways yet.")
        return {}
    _table(
        {
            "Reader": plain(row["reader"]),
            "Cases": f"{row['cases']}",
            f"Accuracy {WITHOUT}": _share(row, "accuracy_without"),
            f"Accuracy {WITH}": _share(row, "accuracy_with"),
            "McNemar p (mid)": p_value(row["mcnemar_mid_p"]),
            f"AUC {WITHOUT}": number(row["auc_without"], digits=3),
            f"AUC {WITH}": number(row["auc_with"], digits=3),
            "DeLong p": p_value(row["delong_p"]),
            f"Seconds {WITHOUT}": number(row["seconds_without"], digits=0),
            f"Seconds {WITH}": number(row["seconds_with"], digits=0),
        }
        for row in table.to_dict("records")
    )
    return _show_mrmc(answers)


def _show_mrmc(answers: pd.DataFrame) -> dict[str, pd.DataFrame]:
    try:
        analysis, readers, cases = tables.with_against_without(answers)
    except PerformanceError as error:
        st.caption(error.user_message)
        return {}
    st.markdown(f"Mean AUC with AI minus without, {readers} readers, {cases} cases (Obuchowski-Rockette, Hillis):")
    _table(
        [
            _difference(ALL_LIKE_THESE, "F", analysis.random_readers),
            _difference(THESE_READERS, "χ²", analysis.fixed_readers),
        ]
    )
    return {"mean_gain": gain_summary(analysis, readers=readers, cases=cases)}


def _difference(holds_for: str, name: str, test: Difference) -> dict[str, str]:
    df = f"{test.df1}" if not np.isfinite(test.df2) else f"{test.df1}, {test.df2:.1f}"
    statistic = f"{name} = {number(test.statistic)}"
    return _row(holds_for, test.estimate, test.standard_error, test.interval) | {
        "Test": statistic, "Degrees of freedom": df, "p": p_value(test.p),
    }  # fmt: skip


def _mean(holds_for: str, mean: Mean) -> dict[str, str]:
    df = "–" if not np.isfinite(mean.df) else f"{mean.df:.1f}"
    shown = _row(holds_for, mean.value, mean.standard_error, mean.interval)
    return shown | {"Degrees of freedom": df, "p": p_value(mean.p)}


def _row(holds_for: str, value: float, error: float, interval: tuple[float, float]) -> dict[str, str]:
    written = _signed(value, *interval, digits=3)
    return {
        "Holds for": holds_for.capitalize(),
        "Difference (95 % interval)": written,
        "Standard error": number(error, digits=3),
    }


def _share(row: dict[str, float], name: str) -> str:
    return with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"])


def _signed(value: float, low: float = np.nan, high: float = np.nan, *, digits: int = 2) -> str:
    """Write a figure that may be negative, with a true minus sign, and its interval."""
    text = number(value, digits=digits)
    if np.isfinite([value, low, high]).all():
        text += f" ({low:.{digits}f} to {high:.{digits}f})"
    return text.replace("-", "\N{MINUS SIGN}")


def _table(rows) -> None:
    st.table(pd.DataFrame(list(rows)), border="horizontal", hide_index=True)


def _offer_downloads(files: dict[str, pd.DataFrame]) -> None:
    """Offer the numbers, written when asked for; they name readers and cases as the lead named them."""
    st.subheader("Download", anchor=False)
    with st.container(horizontal=True):
        for name, table in files.items():
            st.download_button(
                name.split("-", 3)[-1].replace("_", " ").replace("-", ", ").capitalize(),
                partial(table.to_csv, index=False),
                file_name=f"{name}.csv",
                mime="text/csv",
                on_click="ignore",
                icon=":material/download:",
                key=f"download-{name}",
            )
