"""Pictures as server-side SVG: who paid, a value in its range, a trend, parts of a difference, a month of days.

Every picture has a label that says in words what it shows; the page puts a table behind it. Sizes
are presentation attributes and colours are classes, because the content policy allows no inline style.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from math import ceil, floor, log10
from typing import NamedTuple, Protocol

from markupsafe import Markup, escape

_GAP = 0.5  # per cent of the bar left free between two parts
_SLIVER = 0.8  # per cent that a part gets at least, so that it can be seen


class Share(Protocol):
    """The lines of one day: how many agree, for how many books have not come."""

    @property
    def day(self) -> date: ...
    @property
    def matched(self) -> int: ...
    @property
    def awaited(self) -> int: ...
    @property
    def lines(self) -> int: ...


def paid_bar(parts: Sequence[tuple[str, int]], label: str) -> Markup:
    """One bar of who paid: parts are (css class, fen), in order; parts of nothing are left out."""
    shown = [(css, amount) for css, amount in parts if amount > 0]
    total = sum(amount for _, amount in shown)
    if total == 0:
        return Markup()
    room = 100 - _GAP * (len(shown) - 1)
    widths = [max(_SLIVER, amount / total * room) for _, amount in shown]
    excess = sum(widths) - room
    widths[widths.index(max(widths))] -= excess
    x, rects = 0.0, []
    for (css, _), width in zip(shown, widths, strict=True):
        rects.append(f'<rect class="{css}" x="{x:.2f}%" width="{width:.2f}%" height="100%"/>')
        x += width + _GAP
    return _svg(f'<svg role="img" aria-label="{escape(label)}">{"".join(rects)}</svg>')


def range_bar(value: Decimal, low: Decimal | None, high: Decimal | None, label: str) -> Markup:
    """A value against its reference range; an open side has no end mark. Nothing without any bound."""
    if low is None and high is None:
        return Markup()
    left, right = _frame(value, low, high)
    span = right - left

    def x(point: Decimal) -> float:
        return 8 + float((point - left) / span) * 304

    band_from = 8.0 if low is None else x(low)
    band_to = 312.0 if high is None else x(high)
    marks = "".join(
        f'<text class="mid" x="{x(bound):.1f}" y="40">{_number(bound)}</text>'
        for bound in (low, high)
        if bound is not None
    )
    return _svg(
        f'<svg class="chart range" viewBox="0 0 320 46" role="img" aria-label="{escape(label)}">'
        f'<rect class="c-track" x="8" y="14" width="304" height="8" rx="4"/>'
        f'<rect class="c-band" x="{band_from:.1f}" y="14" width="{band_to - band_from:.1f}" height="8"/>'
        f'<circle class="c-dot" cx="{x(value):.1f}" cy="18" r="7"/>{marks}</svg>'
    )


def trend(
    points: Sequence[tuple[str, Decimal]], low: Decimal | None, high: Decimal | None, band: str, label: str
) -> Markup:
    """Values in time order with their short labels, over the reference band; at least two points."""
    if len(points) < 2:
        return Markup()
    values = [value for _, value in points]
    known = [*values, *(bound for bound in (low, high) if bound is not None)]
    bottom, top, step = _axis(min(known), max(known))

    def y(value: Decimal) -> float:
        return 100 - float((value - bottom) / (top - bottom)) * 88

    xs = [60 + n * 230 / (len(points) - 1) for n in range(len(points))]
    drawn = []
    if low is not None or high is not None:
        upper = y(high) if high is not None else 12.0
        lower = y(low) if low is not None else 100.0
        drawn.append(f'<rect class="c-band" x="30" y="{upper:.1f}" width="282" height="{lower - upper:.1f}"/>')
        drawn.append(f'<text x="36" y="{_clear_of(y(values[0]), upper + 14, lower - 5):.1f}">{escape(band)}</text>')
    drawn.append('<path class="axis" d="M30 8v100h282"/>')
    tick = bottom
    while tick <= top:
        drawn.append(f'<path class="grid" d="M30 {y(tick):.1f}h282"/>')
        drawn.append(f'<text class="end" x="25" y="{y(tick) + 4:.1f}">{_number(tick)}</text>')
        tick += step
    line = " ".join(f"{x:.1f} {y(value):.1f}" for x, value in zip(xs, values, strict=True))
    drawn.append(f'<path class="c-line" d="M{line}"/>')
    for n, (x, (when, value)) in enumerate(zip(xs, points, strict=True)):
        last = n == len(points) - 1
        drawn.append(f'<circle class="c-dot" cx="{x:.1f}" cy="{y(value):.1f}" r="{5 if last else 4}"/>')
        drawn.append(f'<text class="mid" x="{x:.1f}" y="124">{escape(when)}</text>')
    drawn.append(
        f'<text class="label mid" x="{xs[-1]:.1f}" y="{max(10.0, y(values[-1]) - 12):.1f}">{_number(values[-1])}</text>'
    )
    return _svg(
        f'<svg class="chart" viewBox="0 0 320 132" role="img" aria-label="{escape(label)}">{"".join(drawn)}</svg>'
    )


def difference_bars(parts: Sequence[tuple[str, int]], unit: str, label: str) -> Markup:
    """Horizontal bars of differences in fen, right of zero for plus and left for minus, with an axis in yuan."""
    if not parts:
        return Markup()
    most, least = max(0, *(a for _, a in parts)), min(0, *(a for _, a in parts))
    step = _nice(Decimal(max(most, -least, 100)) / 3)
    left, right = floor(least / step) * step, ceil(most / step) * step
    span = Decimal(right - left) or Decimal(1)

    rows = _rows([name for name, _ in parts])
    height = rows.height

    def x(fen: Decimal | int) -> float:
        return rows.left + float((Decimal(fen) - left) / span) * (326 - rows.left)

    drawn, tick = [], Decimal(left)
    while tick <= right:
        drawn.append(f'<path class="grid" d="M{x(tick):.1f} 4v{height - 4}"/>')
        drawn.append(f'<text class="mid" x="{x(tick):.1f}" y="{height + 18}">{_number(tick / 100)}</text>')
        tick += step
    for n, (name, fen) in enumerate(parts):
        width = max(1.5, abs(x(fen) - x(0))) if fen else 0.0
        start = x(0) if fen >= 0 else x(0) - width
        css = "c-plus" if fen >= 0 else "c-minus"
        drawn.append(f'<text class="label" x="{rows.indent}" y="{rows.name(n)}">{escape(name)}</text>')
        drawn.append(f'<rect class="{css}" x="{start:.1f}" y="{rows.bar(n)}" width="{width:.1f}" height="20"/>')
    drawn.append(f'<path class="axis" d="M{x(0):.1f} 2v{height}"/>')
    drawn.append(f'<text class="end" x="340" y="{height + 34}">{escape(unit)}</text>')
    return _svg(
        f'<svg class="chart" viewBox="0 0 340 {height + 38}" role="img" aria-label="{escape(label)}">'
        f"{''.join(drawn)}</svg>"
    )


def count_bars(rows: Sequence[tuple[str, Sequence[tuple[str, int]]]], label: str) -> Markup:
    """Horizontal bars of counts, each of (css class, number) parts side by side, with an axis and the sums."""
    most = max((sum(number for _, number in parts) for _, parts in rows), default=0)
    if most == 0:
        return Markup()
    step = max(Decimal(1), _nice(Decimal(most) / 3))
    right = ceil(Decimal(most) / step) * step
    laid = _rows([name for name, _ in rows])
    height = laid.height

    def x(number: Decimal | int) -> float:
        return laid.left + float(Decimal(number) / right) * (306 - laid.left)

    drawn, tick = [], Decimal(0)
    while tick <= right:
        drawn.append(f'<path class="grid" d="M{x(tick):.1f} 4v{height - 4}"/>')
        drawn.append(f'<text class="mid" x="{x(tick):.1f}" y="{height + 18}">{_number(tick)}</text>')
        tick += step
    for n, (name, parts) in enumerate(rows):
        drawn.append(f'<text class="label" x="{laid.indent}" y="{laid.name(n)}">{escape(name)}</text>')
        before = 0
        for css, number in parts:
            if number:
                width = x(before + number) - x(before)
                drawn.append(
                    f'<rect class="{css}" x="{x(before):.1f}" y="{laid.bar(n)}" width="{width:.1f}" height="20"/>'
                )
            before += number
        drawn.append(f'<text class="label" x="{x(before) + 5:.1f}" y="{laid.bar(n) + 14}">{before:,}</text>')
    drawn.append(f'<path class="axis" d="M{laid.left} 2v{height}"/>')
    return _svg(
        f'<svg class="chart" viewBox="0 0 340 {height + 24}" role="img" aria-label="{escape(label)}">'
        f"{''.join(drawn)}</svg>"
    )


def day_shares(days: Sequence[Share], first: date, label: str, unit: str, *, width: int = 340) -> Markup:
    """Which share of each day's lines agrees, as points on a line; hollow where books have not come.

    The axis ends at 100 per cent and begins at or below the least share. `width` is 340 for a phone, more for a desk:
    the letters stay as large.
    """
    found = [(each.day.day, Decimal(each.matched * 100) / each.lines, each.awaited > 0) for each in days if each.lines]
    if not found:
        return Markup()
    lacking = 100 - min(share for _, share, _ in found)
    step = _nice(max(lacking, Decimal("0.3")) / 3)
    bottom = max(Decimal(0), 100 - step * max(1, ceil(lacking / step)))
    last = ((first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day

    def x(number: int) -> float:
        return 52 + (number - 1) * (width - 68) / (last - 1)

    def y(share: Decimal) -> float:
        return 130 - float((share - bottom) / (100 - bottom)) * 116

    drawn, tick = [f'<path class="axis" d="M44 8v126h{width - 52}"/>'], bottom
    while tick <= 100:
        drawn.append(f'<path class="grid" d="M44 {y(tick):.1f}h{width - 52}"/>')
        drawn.append(f'<text class="end" x="38" y="{y(tick) + 4:.1f}">{_number(tick)}%</text>')
        tick += step
    for number in (1, 10, 20, last) if width < 500 else (1, 5, 10, 15, 20, 25, last):
        drawn.append(f'<text class="mid" x="{x(number):.1f}" y="152">{number}{escape(unit)}</text>')
    line = " ".join(f"{x(number):.1f} {y(share):.1f}" for number, share, _ in found)
    drawn.append(f'<path class="c-line" d="M{line}"/>')
    for number, share, waiting in found:
        css = "c-hollow" if waiting else "c-dot"
        drawn.append(f'<circle class="{css}" cx="{x(number):.1f}" cy="{y(share):.1f}" r="4"/>')
    return _svg(
        f'<svg class="chart days" viewBox="0 0 {width} 158" role="img" aria-label="{escape(label)}">'
        f"{''.join(drawn)}</svg>"
    )


class _Rows(NamedTuple):
    """Where the names and bars of a chart stand: beside each other, or a long name above its bar."""

    left: int
    pitch: int
    above: int
    count: int

    @property
    def height(self) -> int:
        return self.pitch * self.count

    @property
    def indent(self) -> int:
        return self.left + 5 if self.above else 0

    def name(self, n: int) -> int:
        return self.pitch * n + (14 if self.above else 22)

    def bar(self, n: int) -> int:
        return self.pitch * n + 8 + self.above


def _rows(names: Sequence[str]) -> _Rows:
    longest = max(sum(2 if ord(letter) > 0x2E7F else 1 for letter in name) for name in names)
    return _Rows(112, 32, 0, len(names)) if longest <= 16 else _Rows(2, 46, 12, len(names))


def _clear_of(line: float, top: float, bottom: float) -> float:
    """Of two heights for a label the one further from where the line begins."""
    return top if abs(line - top) > abs(line - bottom) else bottom


def _svg(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - callers pass numbers, known class names and escaped labels


def _frame(value: Decimal, low: Decimal | None, high: Decimal | None) -> tuple[Decimal, Decimal]:
    """The ends of a range bar: the range in the middle half, and the value inside."""
    width = (high - low) if low is not None and high is not None else (abs(high or low or 1))
    width = width or Decimal(1)
    left = (low if low is not None else (high or Decimal(0)) - width) - width / 2
    right = (high if high is not None else (low or Decimal(0)) + width) + width / 2
    margin = width / 8
    return min(left, value - margin), max(right, value + margin)


def _axis(least: Decimal, most: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    step = _nice((most - least or abs(most) or Decimal(1)) / 3)
    bottom = (least / step).to_integral_value("ROUND_FLOOR") * step
    top = (most / step).to_integral_value("ROUND_CEILING") * step
    return bottom, (top if top > bottom else bottom + step), step


def _nice(rough: Decimal) -> Decimal:
    """The next of 1, 2, 5 times a power of ten."""
    power = Decimal(10) ** floor(log10(rough))
    return next((m * power for m in (1, 2, 5) if m * power >= rough), 10 * power)


def _number(value: Decimal) -> str:
    text = f"{value.normalize():f}"
    return f"{Decimal(text):,}" if "." not in text else text
