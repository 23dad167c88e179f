"""Content-Security-Policy of the HTML reports, which load nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib


def csp_hash(text: str) -> str:
    """The policy's source expression for an inline style or script."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
