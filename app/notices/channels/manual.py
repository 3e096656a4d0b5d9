"""`manual`: an ordinary WeChat group has no robot, so a person copies the text and marks it 「已转发」."""

from __future__ import annotations

KIND = "manual"
LABEL = "人工转发"


def parts(title: str, body: str) -> list[str]:
    """Return the whole notice as one text to copy."""
    return [f"{title}\n{body}"]
