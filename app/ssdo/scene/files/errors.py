"""Error messages of the readers: one line, "<file>: <element>: <rule>"."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ssdo.settings import UserError

MAX_NAME = 400  # characters


class LimitError(UserError):
    """A file is too large to be read, in whole or in part."""


class OutOfMemoryError(LimitError):
    """A file needs more memory than there is now."""


def quote_value(value: Any) -> str:
    """A value of the file for a message: short and on one line, whatever it holds."""
    if isinstance(value, str):
        text = ascii(value[:60])
    else:
        text = ascii(value if isinstance(value, (int, float)) else type(value).__name__)
    return text if len(text) <= 64 else text[:60] + "..."


def quote_name(name: str) -> str:
    """The name of a file or a scene for a message: as it is, unless it is long or not printable."""
    return name if len(name) <= MAX_NAME and name.isprintable() else quote_value(name)


@contextlib.contextmanager
def name_file_in_errors(path: Path) -> Iterator[None]:
    """Put the file's name before the message of a UserError, on one line. Lack of memory becomes a UserError, too."""
    name = quote_name(str(path))
    try:
        yield
    except UserError as error:
        raise UserError(" ".join(f"{name}: {error}".splitlines())) from None
    except MemoryError:
        raise OutOfMemoryError(f"{name}: file: needs more memory than there is") from None
