"""Shapes that several parts of the JSON API share: named things, people, days and instants."""

from datetime import date, datetime
from typing import Annotated

import msgspec

from hub import people
from hub.units import CHINA

Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class Body(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a caller sends. A member that we do not know is refused: it is a typing error or a misunderstanding."""


class Named(msgspec.Struct):
    id: str
    name: str


class Coded(msgspec.Struct):
    code: str
    name: str


class PersonView(msgspec.Struct):
    """A person as known at a counter; `card` is the one card for life."""

    person_id: int
    card: str
    name: str
    gender: str
    birth_date: date
    telephone: str | None
    synthetic: bool


def person_view(row: people.Person) -> PersonView:
    return PersonView(row.id, row.card_number, row.name, row.gender, row.birth_date, row.telephone, row.synthetic)


def local(instant: datetime) -> datetime:
    """An instant as it leaves: with the offset of Chinese time."""
    return instant.astimezone(CHINA)
