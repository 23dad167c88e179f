"""What the pages of this program may load: nothing but what stands in them."""

from __future__ import annotations

import base64
import hashlib


def digest(text: str) -> str:
    """The source expression of a Content-Security-Policy for an inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
