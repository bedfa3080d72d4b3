from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hl7v2 import times
from hub.faults import Invalid
from hub.units import CHINA


@pytest.mark.parametrize(
    ("text", "instant", "precision", "zoned"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=CHINA), "year", False),
        ("202611", datetime(2026, 11, 1, tzinfo=CHINA), "month", False),
        ("20261122", datetime(2026, 11, 22, tzinfo=CHINA), "day", False),
        ("2026112209", datetime(2026, 11, 22, 9, tzinfo=CHINA), "hour", False),
        ("202611220930", datetime(2026, 11, 22, 9, 30, tzinfo=CHINA), "minute", False),
        ("20261122093015", datetime(2026, 11, 22, 9, 30, 15, tzinfo=CHINA), "second", False),
        ("20261122093015.1234", datetime(2026, 11, 22, 9, 30, 15, 123400, tzinfo=CHINA), "fraction", False),
        ("20261122013015+0000", datetime(2026, 11, 22, 1, 30, 15, tzinfo=UTC), "second", True),
        ("202611220345+0215", datetime(2026, 11, 22, 1, 30, tzinfo=UTC), "minute", True),
        ("20261122240000", datetime(2026, 11, 23, tzinfo=CHINA), "second", False),
        ("20240310+0800", datetime(2024, 3, 10, tzinfo=CHINA), "day", True),
    ],
)
def test_a_time_stamp_keeps_its_precision_and_its_zone(
    text: str, instant: datetime, precision: str, zoned: bool
) -> None:
    assert times.read(text) == times.Moment(instant, precision, zoned)


@pytest.mark.parametrize(
    "text", ["", "202", "0730", "20261301", "20260230", "2026112225", "2026-11-22", "２０２６", "20261122+9999"]
)
def test_what_is_no_time_stamp_is_none(text: str) -> None:
    assert times.read(text) is None


@given(text=st.text(max_size=26))
def test_no_text_makes_it_raise(text: str) -> None:
    times.read(text)


@given(instant=st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_is_stamped_is_read_back(instant: datetime) -> None:
    found = times.read(times.stamp(instant))
    assert found is not None
    assert found.instant == instant.replace(microsecond=0)


def test_a_day_is_not_moved_between_zones() -> None:
    assert times.day("19600101+0000", element="PID-7") == date(1960, 1, 1)
    assert times.day("", element="PID-7") is None


def test_an_instant_needs_hours_and_the_refusal_names_the_element() -> None:
    with pytest.raises(Invalid) as refusal:
        times.instant("20261122", element="SCH-11.4")
    assert refusal.value.element == "SCH-11.4"
