"""Results as CSV files beside the screenshots."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from ssdo.measure.output_files import CAPTURES, NumberedFiles, save_bytes
from ssdo.viewer.blind_test import BlindTest
from ssdo.viewer.experiments import Experiment
from ssdo.viewer.render_scheduler import PAIR

Row = Sequence[str | float]


def save_csv(stem: str, rows: Iterable[Row], folder: Path = CAPTURES) -> Path:
    """Save rows under the next free name, and return the path. Raises UserError."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode()
    files = NumberedFiles(folder, stem, [".csv"])
    files.save(".csv", lambda path, overwrite: save_bytes(path, content, overwrite))
    return files.paths[0]


def list_experiment_rows(experiment: Experiment) -> list[Row]:
    """A heading, and a row for each step that was measured."""
    heading = [experiment.x_axis.label]
    columns: list[list[float]] = [[x for x, _ in experiment.curves["A"]]]
    for slot in PAIR:
        name = f"{slot}: {experiment.labels[slot]}"
        heading.append(f"{name}, {experiment.y_axis.label}")
        columns.append([y for _, y in experiment.curves[slot]])
        if experiment.noise[slot]:
            heading.append(f"{name}, noise: RMSE against its converged result")
            columns.append([y for _, y in experiment.noise[slot]])
    if experiment.uses_reference:
        heading.append("noise of the reference")
        columns.append(experiment.reference_noise)
    return [heading, *zip(*columns, strict=True)]


def list_trial_rows(test: BlindTest) -> list[Row]:
    """A heading, and a row for each trial that was answered."""
    heading = ("view", "left", "right", "RMSE left", "RMSE right", "choice", "nearer to the reference")
    rows = [
        (answer.trial.view.name, *answer.trial.labels, *answer.errors, answer.choice, answer.nearer or "too close")
        for answer in test.answers
    ]
    return [heading, *rows]
