"""Draws a turntable as a video: the short form of `capture --path turntable`, with the same flags.

The camera circles an object in the open, and swings in a room as far as its walls allow.
"""

from __future__ import annotations

from collections.abc import Sequence

from ssdo.commands.capture import capture, create_parser
from ssdo.flags import parse_flags


def main(arguments: Sequence[str]) -> int:
    """`turntable FLAGS`. Returns the exit code; raises UserError."""
    return capture(parse_flags(create_parser("ssdo turntable", __doc__), arguments), "turntable")
