"""How old something is in the days on which the bureau works."""

import tomllib
from datetime import date, timedelta
from functools import cache
from importlib.resources import files


@cache
def _kept() -> tuple[frozenset[date], frozenset[date]]:
    """Weekdays off, and Saturdays and Sundays that are worked."""
    years = tomllib.loads(files(__package__).joinpath("working_days.toml").read_text("utf-8"))["year"]
    return frozenset(day for year in years for day in year["off"]), frozenset(
        day for year in years for day in year["on"]
    )


def is_working_day(day: date) -> bool:
    off, on = _kept()
    return day in on or (day.weekday() < 5 and day not in off)


def working_days(since: date, until: date) -> int:
    """The working days after `since` up to and with `until`: what was found on Friday is one day old on Monday."""
    return sum(is_working_day(since + timedelta(days=n)) for n in range(1, (until - since).days + 1))
