"""Amounts, days and times as people read them, in Chinese and English.

Amounts are integer fen in, `¥1,234.50` out, with a true minus sign. Instants are shown in China's
time: `11月23日 周一 上午 9:30`. The year is told only when it is not this year.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from hub.units import CHINA, day_of, masked_name, masked_number

MINUS = "−"
_WEEKDAY_ZH = "一二三四五六日"
_WEEKDAY_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYPARTS = ((6, "凌晨"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))
_NEAR_ZH = {-2: "前天", -1: "昨天", 0: "今天", 1: "明天", 2: "后天"}
_NEAR_EN = {-1: "yesterday", 0: "today", 1: "tomorrow"}


def plain(fen: int) -> str:
    """`1,284,310.55`, for tables whose unit stands in the caption."""
    return f"{MINUS if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def money(fen: int) -> str:
    """`¥1,234.50`; a negative amount as `−¥1,234.50`."""
    return f"{MINUS if fen < 0 else ''}¥{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def less(fen: int) -> str:
    """What is taken off in a sum: `− ¥6,918.47`."""
    return f"{MINUS} {money(abs(fen))}"


def signed(fen: int) -> str:
    """A difference that always shows its sign: `+ 6,918.47`, `− 96.63`, `0.00`."""
    return plain(0) if fen == 0 else f"{'+' if fen > 0 else MINUS} {plain(abs(fen))}"


def cell(fen: int) -> str:
    """A difference in a heat cell: to the fen, from 10,000 yuan to the yuan."""
    sign = "+" if fen > 0 else MINUS
    size = abs(fen)
    return f"{sign}{(size + 50) // 100:,}" if size >= 1_000_000 else f"{sign}{plain(size)}"


def cell_short(fen: int) -> str:
    """The same where there is little room: to the yuan, from 10,000 yuan in units of ten thousand, `+2.4万`."""
    sign, yuan = "+" if fen > 0 else MINUS, (abs(fen) + 50) // 100
    return f"{sign}{yuan / 10_000:.1f}万" if yuan >= 10_000 else f"{sign}{yuan:,}"


def percent(part: int, whole: int) -> str:
    """One decimal, `71.3%`; nothing of nothing is `0.0%`."""
    if whole == 0:
        return "0.0%"
    return f"{(Decimal(part) * 100 / Decimal(whole)).quantize(Decimal('0.1'))}%"


def quantity(value: Decimal | str | int) -> str:
    """A count or a price without trailing zeros: `1.5`, `10`, `1,280.333`."""
    text = f"{Decimal(str(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def clock(moment: datetime) -> str:
    """`9:30`, `14:05`: hours without a leading zero."""
    local = moment.astimezone(CHINA)
    return f"{local.hour}:{local.minute:02d}"


def clock_seconds(moment: datetime) -> str:
    """`2:04:31`, for logs and for codes that are good for a minute."""
    return f"{clock(moment)}:{moment.astimezone(CHINA).second:02d}"


def daypart(moment: datetime) -> str:
    """ "morning" before noon, "afternoon" until six, then "evening": how a clinic's day is cut."""
    hour = moment.astimezone(CHINA).hour
    return "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"


def day(value: date, language: str, today: date) -> str:
    """`11月23日 周一` / `Mon 23 Nov`, with the year when it is another one."""
    if language == "zh":
        year = "" if value.year == today.year else f"{value.year}年"
        return f"{year}{value.month}月{value.day}日 周{_WEEKDAY_ZH[value.weekday()]}"
    year = "" if value.year == today.year else f" {value.year}"
    return f"{_WEEKDAY_EN[value.weekday()]} {value.day} {_MONTH_EN[value.month - 1]}{year}"


def short_day(value: date, language: str) -> str:
    """`11月23日` / `23 Nov`."""
    if language == "zh":
        return f"{value.month}月{value.day}日"
    return f"{value.day} {_MONTH_EN[value.month - 1]}"


def full_day(value: date, language: str) -> str:
    """`2026年11月23日` / `23 Nov 2026`."""
    return f"{value.year}年{short_day(value, 'zh')}" if language == "zh" else f"{short_day(value, 'en')} {value.year}"


def weekday(value: date, language: str) -> str:
    return f"周{_WEEKDAY_ZH[value.weekday()]}" if language == "zh" else _WEEKDAY_EN[value.weekday()]


def month(value: date, language: str) -> str:
    return f"{value.month}月" if language == "zh" else _MONTH_EN[value.month - 1]


def full_month(value: date, language: str) -> str:
    """`2026年11月` / `Nov 2026`."""
    return f"{value.year}年{value.month}月" if language == "zh" else f"{_MONTH_EN[value.month - 1]} {value.year}"


def moment(value: datetime, language: str, today: date) -> str:
    """`11月23日 周一 上午 9:30` / `Mon 23 Nov, 9:30`."""
    when = day(day_of(value), language, today)
    return f"{when} {_part_zh(value)} {clock(value)}" if language == "zh" else f"{when}, {clock(value)}"


def near(value: datetime, language: str, today: date) -> str:
    """`明天上午 9:30`, `tomorrow, 9:30`; `今天 8:12` for the past; further away the date: as one would say it."""
    on = day_of(value)
    distance = (on - today).days
    if language == "zh":
        word = _NEAR_ZH.get(distance)
        if word is None:
            return moment(value, language, today)
        return f"{word}{_part_zh(value)} {clock(value)}" if distance >= 0 else f"{word} {clock(value)}"
    word = _NEAR_EN.get(distance)
    return moment(value, language, today) if word is None else f"{word}, {clock(value)}"


def opening(text: str) -> str:
    """The same at the head of a line: `Tomorrow, 9:30`."""
    return text[:1].upper() + text[1:]


def brief(value: datetime, language: str, today: date) -> str:
    """For a narrow place: today's time, else the day: `7:58`, `21日`, `23 Nov`."""
    on = day_of(value)
    if on == today:
        return clock(value)
    if language == "zh" and (on.year, on.month) == (today.year, today.month):
        return f"{on.day}日"
    return short_day(on, language)


def near_clock(value: datetime, language: str, today: date) -> str:
    """A deadline in a list: `21:54` today, `明天 9:00`, `25日 9:00`."""
    on = day_of(value)
    if on == today:
        return clock(value)
    word = (_NEAR_ZH if language == "zh" else _NEAR_EN).get((on - today).days) or brief(value, language, today)
    return f"{word} {clock(value)}"


def near_day(value: date, language: str, today: date) -> str:
    """`明天`, `today`, or the date."""
    word = (_NEAR_ZH if language == "zh" else _NEAR_EN).get((value - today).days)
    return word if word is not None else day(value, language, today)


def age(birth_date: date, today: date) -> int:
    """Full years of life on a day."""
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))


def name_masked(name: str) -> str:
    """For lists: `张*例`; of a long name the first and the last character, `阿***提`."""
    return masked_name(name) if len(name) <= 4 else f"{name[0]}***{name[-1]}"


def telephone_masked(number: str) -> str:
    """`138****0000`."""
    return number[:3] + "****" + number[-4:] if len(number) >= 8 else "*" * len(number)


def week_of(value: date) -> list[date]:
    """Monday to Sunday around a day."""
    monday = value - timedelta(days=value.weekday())
    return [monday + timedelta(days=n) for n in range(7)]


def _part_zh(value: datetime) -> str:
    hour = value.astimezone(CHINA).hour
    return next(word for end, word in _DAYPARTS if hour < end)


def named(row: Any, field: str, language: str) -> str:
    """A row's name in the reader's language, from `<field>_name` and `<field>_name_en`; Chinese for want of another."""
    prefix = f"{field}_" if field else ""
    english = getattr(row, f"{prefix}name_en", "") if language == "en" else ""
    return str(english or getattr(row, f"{prefix}name"))


def doctor(row: Any, language: str) -> str:
    """`李样本 主任医师`, or the name of the service where no doctor is named."""
    if row.practitioner_name is None:
        return named(row, "service", language)
    return f"{row.practitioner_name} {row.practitioner_title or ''}".strip()


@pass_context
def _named(context: Context, row: Any, field: str = "") -> str:
    return named(row, field, context["look"].language)


def _in_language(figure: Callable[..., str], *, with_today: bool) -> Callable[..., str]:
    @pass_context
    def filtered(context: Context, value: Any) -> str:
        language = context["look"].language
        return figure(value, language, day_of(context["now"])) if with_today else figure(value, language)

    return filtered


FILTERS: dict[str, Callable[..., Any]] = {
    "plain": plain,
    "money": money,
    "less": less,
    "signed": signed,
    "cell": cell,
    "cell_short": cell_short,
    "percent": percent,
    "quantity": quantity,
    "clock": clock,
    "clock_seconds": clock_seconds,
    "date_of": day_of,
    "named": _named,
    "doctor": _in_language(doctor, with_today=False),
    "masked_name": name_masked,
    "masked_number": masked_number,
    "masked_telephone": telephone_masked,
    "day": _in_language(day, with_today=True),
    "moment": _in_language(moment, with_today=True),
    "opening": opening,
    "brief": _in_language(brief, with_today=True),
    "near_clock": _in_language(near_clock, with_today=True),
    "near": _in_language(near, with_today=True),
    "near_day": _in_language(near_day, with_today=True),
    "short_day": _in_language(short_day, with_today=False),
    "full_day": _in_language(full_day, with_today=False),
    "weekday": _in_language(weekday, with_today=False),
    "month": _in_language(month, with_today=False),
    "full_month": _in_language(full_month, with_today=False),
}
