"""What `onecard packs` does."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from adapters import door
from adapters.cli.registry import in_the_house
from adapters.supervisor import CannotStart
from hub import coverage
from hub.trust import SCOPES, Caller


def import_packs(files: Sequence[Path]) -> None:
    texts = [_text(file) for file in files]

    def work(session: Session) -> list[str]:
        names = [coverage.import_pack(session, _operator(), text=text).id for text in texts]
        states = {each.pack.id: each.release.state for each in coverage.packs(session)}
        return [f"{name} is {states[name]}" for name in names]

    for line in in_the_house(work):
        print(line)


def list_packs() -> None:
    def work(session: Session) -> list[str]:
        return [
            f"{each.pack.id:32} {each.pack.area}  {each.pack.valid_from} – {each.pack.valid_to or '':10}  "
            f"{each.release.state:9}  {each.pack.content_hash[:16]}"
            for each in coverage.packs(session)
        ]

    for line in in_the_house(work):
        print(line)


def _operator() -> Caller:
    """Who works at this machine: may take things in, but is no clerk and signs nothing."""
    return Caller(kind="job", id="onecard", at=door.now(), scopes=SCOPES, purpose="operation", trace="onecard")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CannotStart(f"{file}: {error}") from None
