"""Time left has its closed form; both logs hold the same figures; a silent log writes nothing."""

from __future__ import annotations

import json
import sys

import pytest

from model_training.progress import EVENTS, LOG, RunClock, TrainingLog


class Clock:
    """Stand still until told otherwise."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_time_left_is_the_mean_pace_times_the_steps_left():
    now = Clock()
    clock = RunClock(1000, now=now)
    assert clock.time_left() == "?"
    clock.skip(500)
    clock.start()
    for seconds in (1, 3):
        now.time += seconds
        clock.step()
    assert (clock.done, clock.left) == (2, 498) and clock.time_left() == "16:36"
    now.time += 10_000
    clock.start()
    now.time += 2
    clock.step()
    assert clock.time_left() == "16:34"
    clock.skip(10_000)
    assert clock.time_left() == "00:00"


def events(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator
    return accumulator(str(folder)).Reload()


def test_both_logs_hold_an_epochs_figures(tmp_path):
    with TrainingLog(tmp_path) as log:
        for epoch, loss in enumerate((0.5, 0.25)):
            log.scalars(2 * epoch + 1, **{"step/loss": loss})
            log.epoch(2 * epoch + 2, {"epoch": epoch, "loss": loss})
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert lines == [{"epoch": 0, "loss": 0.5}, {"epoch": 1, "loss": 0.25}]
    read = events(tmp_path / EVENTS)
    assert [(e.step, e.value) for e in read.Scalars("epoch/loss")] == [(2, 0.5), (4, 0.25)]
    assert [(e.step, e.value) for e in read.Scalars("step/loss")] == [(1, 0.5), (3, 0.25)]


def test_events_of_an_interrupted_epoch_are_dropped(tmp_path):
    with TrainingLog(tmp_path) as log:
        for step in (1, 2, 3):
            log.scalars(step, loss=9.0)
    with TrainingLog(tmp_path, step=2) as log:
        log.scalars(2, loss=1.0)
        log.scalars(3, loss=1.0)
    assert [(e.step, e.value) for e in events(tmp_path / EVENTS).Scalars("loss")] == [(1, 9.0), (2, 1.0), (3, 1.0)]


def test_a_silent_log_writes_nothing(tmp_path):
    with TrainingLog(tmp_path, silent=True) as log:
        log.epoch(1, {"loss": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_without_tensorboard_the_lines_are_complete(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with TrainingLog(tmp_path) as log:
        log.epoch(1, {"loss": 1.0})
    assert json.loads((tmp_path / LOG).read_text()) == {"loss": 1.0}
    assert "TensorBoard is not installed" in capsys.readouterr().err
