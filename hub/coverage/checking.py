"""What a pack must hold beyond its form before it is taken in: no gap, no overlap, no row that no bill reaches,
and nobody better off for less (a higher hospital, a missing referral).

    PackWrong
    ├── PackGap ............ days or amounts that no row decides
    ├── PackOverlaps ....... days or amounts that two rows decide
    ├── PackUnreachable .... a row that can never pay
    └── PackNotMonotone .... a figure that goes the wrong way
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

from hub.coverage.packs import WHOLE, Layer, Pack, PackWrong, Scheme, Segment, Serious
from hub.coverage.steps import percent
from hub.units import Money

ONE_DAY = timedelta(days=1)

Show = Callable[[int], object]
"""How a figure is written in a refusal."""


class PackGap(PackWrong):
    zh = "待遇包的 {element} 有缺口：{found}；应为{allowed}。"
    en = "The benefit pack's {element} leaves a gap: {found}; allowed is {allowed}."


class PackOverlaps(PackWrong):
    zh = "待遇包的 {element} 有重叠：{found}；应为{allowed}。"
    en = "The benefit pack's {element} overlaps: {found}; allowed is {allowed}."


class PackUnreachable(PackWrong):
    zh = "待遇包的 {element} 永远用不到：{found}；应为{allowed}。"
    en = "The benefit pack's {element} can never apply: {found}; allowed is {allowed}."


class PackNotMonotone(PackWrong):
    zh = "待遇包的 {element} 次序不对：{found}；应为{allowed}。"
    en = "The benefit pack's {element} goes the wrong way: {found}; allowed is {allowed}."


def check_pack(pack: Pack) -> None:
    """The pack by itself. Refuses: PackGap, PackOverlaps, PackUnreachable, PackNotMonotone, naming the row."""
    if not pack.schemes:
        raise PackGap(element="scheme", found="–", allowed="至少一个险种 / at least one scheme")
    for scheme in pack.schemes.values():
        path = f"scheme.{scheme.insutype}"
        _check_inpatient(scheme, path)
        _check_outpatient(scheme, path)
        _check_factors(scheme, path)
        if scheme.serious is not None:
            _check_serious(scheme.serious, f"{path}.serious")
        for name, layer in _layers(scheme):
            _check_pays(layer, f"{path}.{name}")
        if scheme.large is not None and not any(scheme.inpatient.ratio):
            _unreachable(f"{path}.large", "inpatient.ratio = 0", "统筹基金先付 / a pool that pays before it")


def check_neighbours(pack: Pack, others: Iterable[Pack]) -> None:
    """The pack beside the others of its area: every day between two packs is decided by one.

    Where a later pack begins, the earlier ends, whatever end it states. Refuses: PackGap, PackOverlaps.
    """
    before = max((each for each in others if each.valid_from < pack.valid_from), key=_first_day, default=None)
    after = min((each for each in others if each.valid_from > pack.valid_from), key=_first_day, default=None)
    if before is not None and before.valid_to is not None and before.valid_to + ONE_DAY < pack.valid_from:
        first = before.valid_to + ONE_DAY
        raise PackGap(element="valid_from", found=f"{first} – {pack.valid_from - ONE_DAY}", allowed=f"≤ {first}")
    if after is None or pack.valid_to is None:
        return
    last = after.valid_from - ONE_DAY
    if pack.valid_to > last:
        raise PackOverlaps(
            element="valid_to", found=f"{pack.valid_to} ({after.id}: {after.valid_from})", allowed=str(last)
        )
    if pack.valid_to < last:
        raise PackGap(element="valid_to", found=f"{pack.valid_to + ONE_DAY} – {last}", allowed=str(last))


def _check_inpatient(scheme: Scheme, path: str) -> None:
    rules = scheme.inpatient
    path = f"{path}.inpatient"
    _ordered(f"{path}.ratio", list(enumerate(rules.ratio)), percent, falling=True)
    _ordered(f"{path}.deductible", list(enumerate(rules.deductible)), Money, falling=False)
    _ordered(f"{path}.unreferred_points", list(enumerate(rules.unreferred_points)), percent, falling=False)
    if any(rules.ratio) and not rules.fund_at_most:
        _unreachable(f"{path}.ratio", "fund_at_most = 0.00", "fund_at_most > 0")
    if rules.fund_at_most and not any(rules.ratio):
        _unreachable(f"{path}.fund_at_most", Money(rules.fund_at_most), "0.00")
    if rules.retired_points and not any(rules.ratio):
        _unreachable(f"{path}.retired_points", percent(rules.retired_points), "0")


def _check_outpatient(scheme: Scheme, path: str) -> None:
    rules = scheme.outpatient
    path = f"{path}.outpatient"
    covered = [level for level, ratio in enumerate(rules.ratio) if ratio]
    _ordered(f"{path}.ratio", list(enumerate(rules.ratio)), percent, falling=True)
    for name in ("deductible", "retired_deductible"):
        figures = getattr(rules, name)
        _ordered(f"{path}.{name}", [(level, figures[level]) for level in covered], Money, falling=False)
    for level in covered:
        if rules.retired_deductible[level] > rules.deductible[level]:
            found = Money(rules.retired_deductible[level])
            _not_monotone(f"{path}.retired_deductible[{level}]", found, f"≤ {Money(rules.deductible[level])}")
    if rules.retired_fund_at_most < rules.fund_at_most:
        found = Money(rules.retired_fund_at_most)
        _not_monotone(f"{path}.retired_fund_at_most", found, f"≥ {Money(rules.fund_at_most)}")
    for name in ("fund_at_most", "retired_points"):
        if getattr(rules, name) and not covered:
            _unreachable(f"{path}.{name}", "ratio = 0", "0")
    if covered and not rules.fund_at_most:
        _unreachable(f"{path}.ratio[{covered[0]}]", "fund_at_most = 0.00", "fund_at_most > 0")


def _check_factors(scheme: Scheme, path: str) -> None:
    for better, worse in pairwise(("filed", "emergency", "unfiled")):
        most, found = scheme.out_of_area[better], scheme.out_of_area[worse]
        if found > most:
            _not_monotone(f"{path}.out_of_area.{worse}", percent(found), f"≤ {percent(most)} ({better})")


def _check_serious(serious: Serious, path: str) -> None:
    """Segments that follow each other without gap or overlap, pay more the higher they lie, and can all be reached."""
    if not serious.segments:
        raise PackGap(element=f"{path}.segments", found="–", allowed="至少一段 / at least one segment")
    if not serious.fund_at_most:
        _unreachable(path, "fund_at_most = 0.00", "fund_at_most > 0")
    paid = 0
    for number, segment in enumerate(serious.segments):
        row = f"{path}.segments[{number}]"
        following = serious.segments[number + 1] if number + 1 < len(serious.segments) else None
        _check_end(segment, following, row)
        if paid >= serious.fund_at_most:
            found = f"{Money(paid)} ≥ fund_at_most {Money(serious.fund_at_most)}"
            _unreachable(row, found, "封顶之内 / below the limit")
        if not segment.ratio:
            _unreachable(f"{row}.ratio", "0", "> 0")
        if following is not None and following.ratio < segment.ratio:
            _not_monotone(
                f"{path}.segments[{number + 1}].ratio", percent(following.ratio), f"≥ {percent(segment.ratio)}"
            )
        if segment.upto is not None:
            paid += (segment.upto - segment.above) * segment.ratio // WHOLE


def _check_end(segment: Segment, following: Segment | None, row: str) -> None:
    if following is None:
        if segment.upto is not None:
            raise PackGap(element=f"{row}.upto", found=f"> {Money(segment.upto)}", allowed="最后一段不封口 / no end")
        return
    end = f"{Money(following.above)}"
    if segment.upto is None or segment.upto > following.above or following.above <= segment.above:
        raise PackOverlaps(element=f"{row}.upto", found=f"{Money(segment.upto or 0)} > {end}", allowed=end)
    if segment.upto < following.above:
        raise PackGap(element=f"{row}.upto", found=f"{Money(segment.upto)} – {end}", allowed=end)


def _layers(scheme: Scheme) -> Iterable[tuple[str, Layer]]:
    yield from ((f"chronic.{disease}", quota) for disease, quota in scheme.chronic.items())
    for name, layer in (("large", scheme.large), ("aid", scheme.aid)):
        if layer is not None:
            yield name, layer


def _check_pays(layer: Layer, row: str) -> None:
    if not layer.ratio:
        _unreachable(f"{row}.ratio", "0", "> 0")
    if not layer.fund_at_most:
        _unreachable(f"{row}.fund_at_most", "0.00", "> 0")


def _ordered(row: str, figures: Sequence[tuple[int, int]], show: Show, *, falling: bool) -> None:
    """Figures by level: none higher than that of a lower level (`falling`), or none lower."""
    allowed = "级别越高不升 / not rising with the level" if falling else "级别越高不降 / not falling with the level"
    for (_, lower), (level, higher) in pairwise(figures):
        if (higher > lower) if falling else (higher < lower):
            found = f"{show(lower)} → {show(higher)}"
            raise PackNotMonotone(element=f"{row}[{level}]", found=found, allowed=allowed)


def _unreachable(row: str, found: object, allowed: str) -> None:
    raise PackUnreachable(element=row, found=found, allowed=allowed)


def _not_monotone(row: str, found: object, allowed: str) -> None:
    raise PackNotMonotone(element=row, found=found, allowed=allowed)


def _first_day(pack: Pack) -> date:
    return pack.valid_from
