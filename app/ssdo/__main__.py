"""The command line: finds a command and runs it.

Imports nothing slow: each command's module is imported when it runs.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence

from ssdo.scene.files.file_cache import hold_files
from ssdo.settings import UserError, describe_os_error, suggest

# By name: a line of help. The module is ssdo.commands.NAME, its function `main`.
COMMANDS = {
    "view": "the interactive viewer; takes the flags of a shot",
    "capture": "images and videos without a window",
    "turntable": "a video that circles an object, or swings in a room: short for capture --path turntable",
    "compare": "one page: images side by side, error against the reference, its causes, cost",
    "sweep": "error and cost over any parameters, as a CSV file, plots and a page",
    "bench": "measurements: errors, errors at equal time, failures, cost of passes and its growth",
    "tune": "parameters with the least error against the reference at a given cost, as a preset",
    "doctor": "what OpenGL there is and what is missing",
    "parameters": "the table of all parameters",
}
DEFAULT_COMMAND = "view"
LIVE_COMMANDS = ("view",)  # follow changes of files; the others must not mix two versions of one
INTERRUPTED, TERMINATED = 130, 143  # exit codes of processes that a signal ends


def main() -> int:
    """Run the command of sys.argv.

    Returns the exit code: 0 done, 1 a comparison failed, 2 wrong flag or input, 3 no usable OpenGL, 130 interrupted.
    """
    # so that files being written are removed, as after Ctrl-C
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    if isinstance(sys.stdout, io.TextIOWrapper):  # paths may contain bytes that are not UTF-8
        sys.stdout.reconfigure(errors="surrogateescape")
    arguments = sys.argv[1:]
    try:
        if arguments[:1] in (["-h"], ["--help"]):
            print(usage(), flush=True)
            return 0
        if arguments[:1] == ["--version"]:
            print(describe_version(), flush=True)
            return 0
        name = arguments.pop(0) if arguments and not arguments[0].startswith("-") else DEFAULT_COMMAND
        command = load_command(name)
        with contextlib.nullcontext() if name in LIVE_COMMANDS else hold_files():
            code = command(arguments)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"ssdo: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()  # the reader of standard output is gone, as with `| head`
        return 0
    except OSError as error:  # where a command expects none
        print(f"ssdo: {describe_os_error(error)}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:  # it goes to a full disk
            _discard_output()
        return UserError.code
    except Exception as error:
        signal_code = _find_signal_code(error)
        if signal_code is None:
            raise
        return signal_code


def _find_signal_code(error: BaseException) -> int | None:
    """The exit code of the signal that led to an error: a library may fail when it is left in the middle."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (SystemExit, KeyboardInterrupt)):
        cause = cause.__context__
    if cause is None:
        return None
    return TERMINATED if isinstance(cause, SystemExit) else INTERRUPTED


def _discard_output() -> None:
    """Let nothing fail when Python flushes standard output once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def usage() -> str:
    """The text of `ssdo --help`."""
    commands = "\n".join(f"  {name:<12}{description}" for name, description in COMMANDS.items())
    return (
        "usage: ssdo [COMMAND] [FLAGS]\n\n"
        "Compares SSAO, SSDO and other techniques with a path-traced reference.\n\n"
        f"commands (default: {DEFAULT_COMMAND}):\n{commands}\n\n"
        "`ssdo COMMAND --help` lists a command's flags. `ssdo --version` prints the version."
    )


def describe_version() -> str:
    """The version and the commit of this program, and the versions of Python and moderngl."""
    from importlib.metadata import version  # slow to import

    from ssdo.measure.version import program_version

    python = ".".join(map(str, sys.version_info[:3]))
    return f"ssdo {program_version()}, Python {python}, moderngl {version('moderngl')}"


def load_command(name: str) -> Callable[[Sequence[str]], int]:
    """The `main` function of a command. Raises UserError for an unknown name."""
    if name not in COMMANDS:
        raise UserError(f"no command {name}{suggest(name, COMMANDS)}")
    run: Callable[[Sequence[str]], int] = importlib.import_module(f"ssdo.commands.{name}").main
    return run


if __name__ == "__main__":
    sys.exit(main())
