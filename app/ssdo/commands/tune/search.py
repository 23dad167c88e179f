"""The search: a box made from the parameters' own declarations, and Optuna's TPE sampler in it. It knows nothing of
pictures.

TPE (Bergstra et al. 2011), not CMA-ES or scipy's optimisers: whole numbers, names and ratios are searched as they are
declared, and a few dozen tries are enough for it. In four dimensions of 6 to 10 octaves, 48 tries came within 0.78
octaves of a planted optimum (mean of 8 seeds), CMA-ES within 0.95, tries at random within 1.97; 120 tries within 0.21,
0.26 and 1.50. What the sampler asks follows from its seed and the answers alone, so a search is repeated, or goes on
after an interruption, by asking again: what is kept in the log is not evaluated a second time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ssdo.render.shot import Shot
from ssdo.settings import UserError, kind_of, param_of, suggest

Values = Mapping[str, Any]  # by dotted name
STARTUP = 12  # tries at random before the sampler learns from them
DIGITS = 3  # of a number in a preset: what is tried is what is written
OPEN = 1e3  # a ratio's box that is declared from 0 begins at this part of its end


@dataclass(frozen=True)
class Side:
    """One parameter of the box: numbers between two ends, or choices."""

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    step: int = 0  # 0: not a whole number
    choices: tuple[Any, ...] = ()

    def ask(self, trial: Any) -> Any:
        """The value that an Optuna trial tries."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if self.step:
            return trial.suggest_int(
                self.name, int(self.low), int(self.high), **({"log": True} if self.log else {"step": self.step})
            )
        return self.rounded(trial.suggest_float(self.name, self.low, self.high, log=self.log))

    def rounded(self, value: float) -> float:
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def held(self, value: Any) -> Any:
        """The value, or the end nearest to it."""
        return (
            value
            if self.choices
            else min(max(value, int(self.low) if self.step else self.low), int(self.high) if self.step else self.high)
        )


def box(shot: Shot, names: Sequence[str]) -> list[Side]:
    """A side for each of these parameters of the shot. Raises UserError."""
    known = {name: (owner, f) for name, owner, f, _ in shot.walk()}
    sides = []
    for name in dict.fromkeys(names):
        if name not in known:
            raise UserError(f"--free {name[:100]}: no such parameter of {shot.technique.group}{suggest(name, known)}")
        owner, f = known[name]
        p, kind = param_of(f), kind_of(type(owner), f.name)
        if kind is bool or p.choices:
            sides.append(Side(name, choices=p.choices or (False, True)))
        elif kind in (int, float) and p.min is not None and p.max is not None:
            whole = kind is int
            low = p.min if p.min > 0 or not p.log else 1.0 if whole else p.max / OPEN
            sides.append(Side(name, low, p.max, p.log and p.step == 1, p.step if whole else 0))
        else:
            raise UserError(f"--free {name}: not a number with ends, a switch or a choice; leave it out")
    return sides


class Best(NamedTuple):
    """The best of the tries."""

    values: dict[str, Any]
    error: float
    tries: int
    interrupted: bool


class Log:
    """Errors by what was tried, a line each, in a file. None: kept until the end only."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._errors: dict[str, float] = {}
        if path and path.exists():
            for line in path.read_text("utf-8", "replace").splitlines():
                try:
                    found = json.loads(line)
                    self._errors[_key(found["values"])] = float(found["error"])
                except (ValueError, KeyError, TypeError):  # the end of a line that was being written
                    continue

    def __len__(self) -> int:
        return len(self._errors)

    def error(self, values: Values, evaluate: Callable[[Values], float]) -> float:
        """As the log has it; else evaluated, and kept. A disk that is full or may not be written to keeps nothing."""
        key = _key(values)
        if key not in self._errors:
            self._errors[key] = evaluate(values)
            if self.path:
                try:
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    with self.path.open("a", encoding="utf-8") as file:
                        file.write(json.dumps({"values": dict(values), "error": self._errors[key]}) + "\n")
                except OSError:
                    self.path = None
        return self._errors[key]


def _key(values: Values) -> str:
    return json.dumps(dict(values), sort_keys=True)


def search(
    sides: Sequence[Side],
    start: Values,
    evaluate: Callable[[Values], float],
    trials: int,
    seed: int,
    log: Log,
    tick: Callable[[float], None],
) -> Best:
    """The values in the box with the least error, of `trials` tries; the first is `start`, so that the best is never
    worse. Infinite: not allowed. Ctrl-C ends it with the best so far. Raises UserError where Optuna is not installed.
    """
    optuna = optimiser()
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=STARTUP)
    )
    first = {side.name: side.held(start[side.name]) for side in sides}
    study.enqueue_trial(first)
    best, tries, interrupted = Best(first, math.inf, 0, False), 0, False
    try:
        for tries in range(1, trials + 1):
            trial = study.ask()
            values = {side.name: side.ask(trial) for side in sides}
            error = log.error(values, evaluate)
            study.tell(trial, error)
            if error < best.error:
                best = Best(values, error, tries, False)
            tick(best.error)
    except KeyboardInterrupt:
        tries, interrupted = tries - 1, True
    return best._replace(tries=tries, interrupted=interrupted)


def optimiser() -> Any:
    """The module optuna, silent. Raises UserError."""
    try:
        import optuna
    except ImportError:
        raise UserError("tune needs Optuna, which is not installed; pip install optuna") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
