"""A bill that a platform further up has settled: who settled it, and where our own calculation parts from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.web.billing import Telling, share_said
from adapters.web.words import Words
from hub.coverage import Authority
from hub.settlement import Settlement


@dataclass(frozen=True)
class Apart:
    """One figure on which both part. Amounts are fen; `apart` is the platform's less ours."""

    text: str
    platform: int
    ours: int
    why: str

    @property
    def apart(self) -> int:
        return self.platform - self.ours


@dataclass(frozen=True)
class Upstream:
    """Who settled it; where we part; what its own figures leave open (fen, zero where they foot)."""

    name: str
    setl_id: str
    apart: tuple[Apart, ...]
    open: int


def upstream_of(row: Settlement, authority: Authority | None, t: Words, language: str) -> Upstream | None:
    """None for a settlement of this hub's own."""
    if row.platform is None:
        return None
    platform: Mapping[str, Any] = row.platform
    name = platform["area"] if authority is None else (authority.name_en if language == "en" else authority.name)
    return Upstream(
        name=name,
        setl_id=platform["setl_id"],
        apart=tuple(
            Apart(t(f"platform.{one['name']}"), one["platform"], one["ours"], t(f"platform.why_{one['cause']}"))
            for one in platform["differences"]
        ),
        open=platform["suspense"],
    )


def as_settled(told: Telling, row: Settlement, t: Words) -> Telling:
    """The telling of our own calculation with the money as the platform settled it.

    What a referral would have changed is left out: whether it changes anything is the platform's to say.
    """
    return replace(
        told,
        headline=share_said(row.fund, row.total, t),
        total=int(row.total),
        fund=int(row.fund),
        person=int(row.account + row.cash),
        account=int(row.account),
        shared=0,
        cash=int(row.cash),
        parts=(),
        choices=(),
    )
