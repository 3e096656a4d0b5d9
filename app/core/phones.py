"""Mobile numbers of persons, found however they are written: they never stand in what goes to groups."""

from __future__ import annotations

import re
import unicodedata

_GAP = r"[\s.·・‧•()_\-‐‑‒–—―−]{1,3}"
_LEAD = rf"(?<!\d)(?:(?:00)?86(?:{_GAP})?|0)?"
_GROUPED = rf"1(?:{_GAP})?[3-9]\d(?:(?:{_GAP}(?=\d{{2}}))?\d){{8}}"
_SINGLE = rf"1{_GAP}[3-9](?:{_GAP}\d){{9}}"
_MOBILE = re.compile(rf"{_LEAD}(?:{_GROUPED}|{_SINGLE})(?!\d)")


def holds_mobile(text: str) -> bool:
    """Whether a text holds a mobile number: 1[3-9] and nine digits, also behind +86, 0086 or 0.

    Full-width digits and invisible signs are seen through. Between the digits may stand gaps (spaces, dots, hyphens,
    brackets), but groups of one digit only where all are: figures side by side, such as 13.5 97.2, are no number.
    """
    plain = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return _MOBILE.search(plain) is not None
