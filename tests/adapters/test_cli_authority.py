"""`onecard authority`: who settles for an area, said on the command line."""

import io

import pytest
from sqlalchemy import Engine

from adapters.cli import registry
from adapters.supervisor import CannotStart
from hub import coverage


@pytest.fixture
def house(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The command's work on this test's database."""
    from adapters import door

    monkeypatch.setattr(registry, "in_the_house", door.transact)
    return engine


def say(area: str = "429900", **facts: object) -> None:
    said = {
        "name": "邻市",
        "name_en": "",
        "url": None,
        "access_key": None,
        "timeout_seconds": 15,
        "asks_by_msgid": True,
    }
    registry.set_authority(area, **said | facts)


def test_a_platform_is_said_with_a_secret_from_standard_input(
    house: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a secret\n"))
    say(url="http://127.0.0.1:9/nhsa/", access_key="hub")
    say("420500", name="宜昌市")
    registry.list_authorities()
    out = capsys.readouterr().out
    assert "420500 宜昌市 settled here" in out
    assert "429900 邻市 http://127.0.0.1:9/nhsa\n" in out
    assert "a secret" not in out
    row = registry.in_the_house(lambda session: coverage.platform_of(session, "429900"))
    assert (row.secret, row.access_key, row.timeout_seconds) == ("a secret", "hub", 15)


def test_without_a_secret_nothing_is_said(house: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CannotStart):
        say(url="http://127.0.0.1:9", access_key="hub")
    assert registry.in_the_house(coverage.authorities) == []
