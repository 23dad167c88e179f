"""The search: a space made of the parameters' declarations, and Optuna's TPE sampler (Bergstra et al. 2011) in it.

TPE searches whole numbers, choices and ratios as they are declared, and needs only a few dozen trials. The values it
suggests depend only on its seed and the errors so far. So an interrupted search continues by running again: errors in
the log are not evaluated a second time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ssdo.measure import json_lines
from ssdo.optional_packages import make_missing_error
from ssdo.render.shot import Shot
from ssdo.settings import UserError, field_type, param_of, suggest

Values = Mapping[str, Any]  # by dotted name

STARTUP_TRIALS = 12  # random trials before the sampler uses what it has learnt
SIGNIFICANT_DIGITS = 3  # of numbers, so that a preset holds exactly what was evaluated
OPEN_LOG_RANGE = 1e3  # a logarithmic range that is declared from 0 begins at its end divided by this


@dataclass(frozen=True)
class Dimension:
    """One parameter of the search space: numbers between two ends, or choices."""

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    step: int = 0  # 0: not a whole number
    choices: tuple[Any, ...] = ()

    def suggest(self, trial: Any) -> Any:
        """The value of an Optuna trial."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if self.step:
            scale = {"log": True} if self.log else {"step": self.step}
            return trial.suggest_int(self.name, int(self.low), int(self.high), **scale)
        return self.round(trial.suggest_float(self.name, self.low, self.high, log=self.log))

    def round(self, value: float) -> float:
        return min(max(float(f"{value:.{SIGNIFICANT_DIGITS}g}"), self.low), self.high)

    def clamp(self, value: Any) -> Any:
        """The value, or the nearest end."""
        if self.choices:
            return value
        low, high = (int(self.low), int(self.high)) if self.step else (self.low, self.high)
        return min(max(value, low), high)


def build_search_space(shot: Shot, names: Sequence[str]) -> list[Dimension]:
    """A dimension for each of these parameters of the shot. Raises UserError."""
    parameters = {name: (settings, field) for name, settings, field, _ in shot.walk()}
    dimensions = []
    for name in dict.fromkeys(names):
        if name not in parameters:
            hint = suggest(name, parameters)
            raise UserError(f"--search {name[:100]}: no such parameter of {shot.technique.group}{hint}")
        settings, field = parameters[name]
        p, value_type = param_of(field), field_type(type(settings), field.name)
        if value_type is bool or p.choices:
            dimensions.append(Dimension(name, choices=p.choices or (False, True)))
        elif value_type in (int, float) and p.min is not None and p.max is not None:
            is_int = value_type is int
            low = p.min
            if p.log and low <= 0:
                low = 1.0 if is_int else p.max / OPEN_LOG_RANGE
            dimensions.append(Dimension(name, low, p.max, p.log and p.step == 1, p.step if is_int else 0))
        else:
            raise UserError(f"--search {name}: not a number with limits, a switch or a choice; leave it out")
    return dimensions


class SearchResult(NamedTuple):
    """The best values of a search."""

    values: dict[str, Any]
    error: float
    trials: int
    interrupted: bool


class TrialLog:
    """Errors of evaluated values, as JSON lines in a file. None: in memory only.

    Damaged lines are ignored. A file that cannot be read or written is not used.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._errors: dict[str, float] = {}
        if path is None:
            return
        try:
            entries = json_lines.read_lines(path).values
        except OSError:
            self.path = None
            return
        self._errors = {_make_key(entry["values"]): float(entry["error"]) for entry in entries}

    def __len__(self) -> int:
        return len(self._errors)

    def evaluate(self, values: Values, evaluate: Callable[[Values], float]) -> float:
        """The error from the log, or else a new one, which is logged."""
        key = _make_key(values)
        if key not in self._errors:
            self._errors[key] = evaluate(values)
            self._write({"values": dict(values), "error": self._errors[key]})
        return self._errors[key]

    def _write(self, entry: Mapping[str, Any]) -> None:
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            json_lines.append_line(self.path, entry)
        except OSError:
            self.path = None


def _make_key(values: Values) -> str:
    return json.dumps(dict(values), sort_keys=True)


def run_search(
    dimensions: Sequence[Dimension],
    start: Values,
    evaluate: Callable[[Values], float],
    trials: int,
    seed: int,
    log: TrialLog,
    callback: Callable[[float], None],
) -> SearchResult:
    """The values with the least error of `trials` trials; infinite errors are never the best.

    The first trial is `start`, so the result is never worse. `callback` gets the least error so far after each trial.
    Ctrl-C ends the search with the best values so far. Raises UserError without Optuna.
    """
    optuna = import_optuna()
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=STARTUP_TRIALS)
    study = optuna.create_study(sampler=sampler)
    start_values = {dimension.name: dimension.clamp(start[dimension.name]) for dimension in dimensions}
    study.enqueue_trial(start_values)
    best = SearchResult(start_values, math.inf, 0, False)
    finished_trials = 0
    try:
        for number in range(1, trials + 1):
            trial = study.ask()
            values = {dimension.name: dimension.suggest(trial) for dimension in dimensions}
            error = log.evaluate(values, evaluate)
            study.tell(trial, error)
            if error < best.error:
                best = SearchResult(values, error, number, False)
            finished_trials = number
            callback(best.error)
    except KeyboardInterrupt:
        return best._replace(trials=finished_trials, interrupted=True)
    return best._replace(trials=finished_trials)


def import_optuna() -> Any:
    """The module optuna without its log messages. Raises UserError."""
    try:
        import optuna
    except ImportError:
        raise make_missing_error("tune needs", "optuna") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
