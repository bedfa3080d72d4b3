"""What a form sent: read as text once, and turned into numbers and amounts with a refusal that names the field."""

import hashlib
import re
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from unicodedata import category

from starlette.datastructures import UploadFile
from starlette.requests import Request

from hub.faults import Invalid, Missing, within
from hub.units import Money

TEXT_LIMIT = 4000


class Form:
    """The fields of a form or of a query; a field that was not sent is an empty text."""

    def __init__(self, fields: Any) -> None:
        self._fields = fields

    def text(self, name: str, *, limit: int = TEXT_LIMIT) -> str:
        """Trimmed text without control characters. Refuses: Invalid over the limit."""
        value = self._fields.get(name, "")
        text = value if isinstance(value, str) else ""
        text = _readable(text)
        if len(text) > limit:
            raise Invalid(element=name, found=f"{text[:20]}…", allowed=f"≤ {limit}")
        return text

    def several(self, name: str) -> list[str]:
        """What was ticked under one name."""
        values = self._fields.getlist(name) if hasattr(self._fields, "getlist") else []
        found = [_readable(value)[:100] for value in values if isinstance(value, str)]
        return [text for text in found if text]

    def beginning(self, prefix: str) -> list[tuple[str, str]]:
        """The fields whose names begin with a word: the rest of the name, and what was sent, without empty ones."""
        named = [name for name in self._fields if isinstance(name, str) and name.startswith(prefix)]
        sent = [(_readable(name.removeprefix(prefix))[:100], self.text(name, limit=100)) for name in named]
        return [(name, text) for name, text in dict(sent).items() if name and text]

    def content_hash(self, *names: str) -> bytes:
        """What makes two sendings the same: the fields named, or beginning so, whatever their order."""
        said = sorted((name, text) for prefix in names for name, text in self.beginning(prefix))
        said += [(name, self.text(name)) for name in names]
        return hashlib.sha256(repr(said).encode()).digest()

    def needed(self, name: str, *, limit: int = TEXT_LIMIT) -> str:
        """Text that must be there. Refuses: Missing, Invalid."""
        text = self.text(name, limit=limit)
        if not text:
            raise Missing(element=name)
        return text

    def as_typed(self, name: str, *, limit: int) -> str | None:
        """Text with every character that was sent; None when it was not. Refuses: Invalid over the limit."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            return None
        return within(value, limit, element=name)

    def file(self, name: str) -> tuple[str, bytes]:
        """A file that was chosen: what it is called, and what is in it. Refuses: Missing."""
        sent = self._fields.get(name)
        if not isinstance(sent, UploadFile) or not sent.filename:
            raise Missing(element=name)
        return _readable(sent.filename)[:200] or name, sent.file.read()

    def number(self, name: str) -> int:
        """A row's id. Refuses: Missing, Invalid."""
        return _number(self.needed(name, limit=100), name)

    def numbers(self, name: str, *, most: int) -> list[int]:
        """Rows that were ticked, at least one. Refuses: Missing, Invalid."""
        found = [_number(text, name) for text in self.several(name)]
        if not found:
            raise Missing(element=name)
        if len(found) > most:
            raise Invalid(element=name, found=len(found), allowed=f"≤ {most}")
        return found

    def maybe_number(self, name: str) -> int | None:
        return self.number(name) if self.text(name) else None

    def amount(self, name: str) -> Money:
        """Yuan as people type them: 10000, 10,000.50, ¥10000. Refuses: Missing, Invalid."""
        text = self.needed(name, limit=40).replace(",", "").replace("，", "").lstrip("¥￥").strip()
        try:
            amount = Money.yuan(text)
        except ValueError:
            raise Invalid(element=name, found=text[:20], allowed="10000, 9705.99") from None
        if not 0 < amount <= 10_000_000_00:
            raise Invalid(element=name, found=text[:20], allowed="0.01 – 10,000,000")
        return amount

    def day(self, name: str, default: date) -> date:
        """A day as 2026-11-23; what is not a day, or one that no page can be about, is the default."""
        try:
            day = date.fromisoformat(self.text(name))
        except ValueError:
            return default
        return day if 1900 <= day.year < 2200 else default

    def instant(self, name: str) -> datetime | None:
        """An instant with its zone, None when nothing was sent. Refuses: Invalid."""
        text = self.text(name, limit=40)
        if not text:
            return None
        with suppress(ValueError):
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is not None and 1900 <= instant.year < 2200:
                return instant
        raise Invalid(element=name, found=text[:20], allowed="2026-11-23T09:00:00+08:00")


def _number(text: str, name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise Invalid(element=name, found=text[:20], allowed="1, 2, 3 …")
    return int(text)


def _readable(text: str) -> str:
    """Trimmed, without control characters; the wide space of Chinese writing stays, though it is not "printable"."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t" or category(c) == "Zs").strip()


def query_of(request: Request) -> Form:
    """The query of a request, read as a form is."""
    return Form(request.query_params)


def form_of(request: Request) -> Form:
    """The form of a POST; the route class has read it before the route began."""
    form: Form = request.state.form
    return form
