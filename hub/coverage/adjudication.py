"""Who pays which fen of a bill: one pure function, exact, rounding in one place.

Lines first (over the ceiling, own pay, first share, in scope), then the whole bill (deductible, pool, large,
serious, civil, aid, account, cash), then the bill's amounts spread back over the lines.
"""

from collections.abc import Sequence
from decimal import Context, Decimal
from operator import add, gt, sub

from hub.coverage.bills import Bill, BillWrong, Line, Standing, check_bill
from hub.coverage.explanation import Explanation, Share, Totals
from hub.coverage.packs import WHOLE, Layer, Pack, Scheme, Serious

RATIO_ONE = WHOLE * WHOLE
"""One, in the hundred-millionths in which a ratio times an out-of-area factor is exact."""

_exactly = Context(prec=60).multiply


def half_up(numerator: int, denominator: int) -> int:
    """The only place where money rounds: half up, of a fraction that is not negative."""
    return (2 * numerator + denominator) // (2 * denominator)


def charge(quantity: Decimal, unit_price: Decimal) -> int:
    """Quantity times a unit price in yuan, in fen."""
    exact, parts = _exactly(quantity, unit_price).as_integer_ratio()
    return half_up(100 * exact, parts)


def adjudicate(bill: Bill, pack: Pack, standing: Standing) -> Explanation:
    """The settlement of a bill under a pack, for a person of that standing. Writes nothing, asks nobody.

    Refuses: BillWrong, naming the element.
    """
    scheme = check_bill(bill, pack, standing)
    amounts, overs, owns, firsts, scopes = _price(bill.lines, scheme.class_b_first_share)
    total, over, own, first, scope = sum(amounts), sum(overs), sum(owns), sum(firsts), sum(scopes)

    due = _deductible_due(bill, standing, scheme)
    deductible = min(scope, due)
    rest = scope - deductible
    ratio = _pool_ratio(bill, standing, scheme)
    room = _pool_room(bill, standing, scheme)
    pool, covered = _within(rest, ratio, room)
    large = serious = civil = aid = 0
    if bill.care == "inpatient":
        large = _layer(rest - covered, scheme.large, standing.year.large)
        serious = _serious(scope - pool, scheme.serious, standing)
    if bill.care == "inpatient" or bill.chronic:
        remains = scope - pool - large - serious
        if standing.civil_servant:
            civil = half_up(remains * scheme.civil_servant_share, WHOLE)
        if standing.aid:
            aid = _layer(remains - civil, scheme.aid, standing.year.aid)
    fund = pool + large + serious + civil + aid
    account, payable = 0, total - fund - own - over
    if scheme.personal_account and standing.account_used:
        account = min(standing.account_balance, payable)
    shared = min(standing.shared_balance or 0, payable - account)

    funds = (deductible, pool, large, serious, civil, aid)
    spread = _spread_funds(funds, scopes, scope)
    return Explanation(
        pack=pack,
        scheme=scheme,
        bill=bill,
        standing=standing,
        ratio=ratio,
        due=due,
        room=room,
        covered=covered,
        totals=Totals(total, over, own, first, scope, *funds, fund, account + shared, total - fund - account - shared),
        shares=tuple(map(Share._make, zip(amounts, overs, owns, firsts, scopes, *spread, strict=True))),
        shared=shared,
    )


def _price(lines: Sequence[Line], first_share: int) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    """Per line, in columns: amount, over, own, first, scope."""
    amounts, overs, owns, firsts, scopes = [], [], [], [], []
    for number, item_class, quantity, unit_price, ceiling, approved in lines:
        if quantity < 0 or unit_price < 0 or (ceiling is not None and ceiling < 0):
            _refuse_negative(number, quantity=quantity, unit_price=unit_price, ceiling=ceiling)
        amount = charge(quantity, unit_price)
        over = own = first = 0
        if ceiling is not None:
            over = max(0, amount - charge(quantity, ceiling))
        payable = amount - over
        if item_class == "C" or not approved:
            own = payable
        elif item_class == "B":
            first = half_up(payable * first_share, WHOLE)
        elif item_class != "A":
            raise BillWrong(element=f"lines[{number}].class", found=item_class, allowed="A, B, C")
        amounts.append(amount)
        overs.append(over)
        owns.append(own)
        firsts.append(first)
        scopes.append(payable - own - first)
    return amounts, overs, owns, firsts, scopes


def _refuse_negative(number: str, **figures: object) -> None:
    for element, figure in figures.items():
        if figure is not None and figure < 0:  # type: ignore[operator]
            raise BillWrong(element=f"lines[{number}].{element}", found=figure, allowed="0 and above")


def _deductible_due(bill: Bill, standing: Standing, scheme: Scheme) -> int:
    """What this bill must bear before the pool pays, less what the year or the stay has borne."""
    if bill.chronic:
        return 0
    if bill.care == "outpatient":
        rules = scheme.outpatient
        yearly = rules.retired_deductible if standing.retired else rules.deductible
        due = yearly[bill.hospital_level] - standing.year.outpatient_deductible
    else:
        due = inpatient_deductible(bill.hospital_level, standing, scheme)
    return max(0, due - standing.stay_deductible_paid)


def inpatient_deductible(level: int, standing: Standing, scheme: Scheme) -> int:
    """One stay's deductible (fen): halved for later admissions, less what the referral episode has paid."""
    rules = scheme.inpatient
    due = rules.deductible[level]
    if standing.admission > 1:
        due = half_up(due * rules.later_admission_share, WHOLE)
    referral = standing.referral
    if referral is None or not referral.filed:
        return due
    if referral.direction == "down":
        return 0 if rules.referral_down_waives_deductible else due
    return max(0, due - referral.deductible_paid) if rules.referral_up_carries_deductible else due


def _pool_ratio(bill: Bill, standing: Standing, scheme: Scheme) -> int:
    """The pool's share of the rest, in hundred-millionths."""
    level = bill.hospital_level
    if bill.chronic:
        ratio = scheme.chronic[bill.chronic].ratio
    elif bill.care == "outpatient":
        ratio = scheme.outpatient.ratio[level]
        if ratio and standing.retired:
            ratio += scheme.outpatient.retired_points
    else:
        ratio = scheme.inpatient.ratio[level]
        if standing.retired:
            ratio += scheme.inpatient.retired_points
        if is_unreferred(bill, standing):
            ratio -= scheme.inpatient.unreferred_points[level]
    factor = WHOLE if bill.out_of_area is None else scheme.out_of_area[bill.out_of_area]
    return min(RATIO_ONE, ratio * factor)


def is_unreferred(bill: Bill, standing: Standing) -> bool:
    """An in-patient inside the area, not an emergency, who came without a filed referral."""
    filed = standing.referral is not None and standing.referral.filed
    return bill.care == "inpatient" and bill.out_of_area is None and not bill.emergency and not filed


def _pool_room(bill: Bill, standing: Standing, scheme: Scheme) -> int:
    """What the pool (or the chronic quota) may still pay this year."""
    if bill.chronic:
        return max(0, scheme.chronic[bill.chronic].fund_at_most - standing.year.chronic)
    if bill.care == "outpatient":
        rules = scheme.outpatient
        most = rules.retired_fund_at_most if standing.retired else rules.fund_at_most
        return max(0, most - standing.year.outpatient_pool)
    return max(0, scheme.inpatient.fund_at_most - standing.year.pool)


def _within(rest: int, ratio: int, room: int) -> tuple[int, int]:
    """The share of the rest, at most the room; and the part of the rest that the room covers."""
    share = half_up(rest * ratio, RATIO_ONE)
    if share <= room:
        return share, rest
    # The least x with half_up(x * ratio) >= room, that is x * ratio >= room - 1/2.
    return room, max(0, -(-(2 * room - 1) * RATIO_ONE // (2 * ratio)))


def _layer(base: int, layer: Layer | None, paid: int) -> int:
    if layer is None:
        return 0
    return min(half_up(base * layer.ratio, WHOLE), max(0, layer.fund_at_most - paid))


def _serious(own: int, serious: Serious | None, standing: Standing) -> int:
    """By segments of the year's own share in scope, of which this bill adds `own`."""
    if serious is None:
        return 0
    before = standing.year.own_in_scope
    after = before + own
    pay = 0
    for segment in serious.segments:
        upto = after if segment.upto is None else min(after, segment.upto)
        part = upto - max(before, segment.above)
        if part > 0:
            pay += half_up(part * segment.ratio, WHOLE)
    return min(pay, max(0, serious.fund_at_most - standing.year.serious))


def _spread_funds(funds: tuple[int, ...], scopes: list[int], scope: int) -> list[list[int]]:
    """Deductible, pool, large, serious, civil and aid over the lines, in columns.

    Pool and large pay beside the deductible; serious, civil and aid may also pay what was borne as deductible.
    """
    nothing = [0] * len(scopes)
    deductibles = spread_over(funds[0], scopes, scope, scopes) if funds[0] else nothing
    columns = [deductibles]
    left = list(map(sub, scopes, deductibles))
    for layer in (funds[1:3], funds[3:]):
        for amount in layer:
            columns.append(spread_over(amount, scopes, scope, left) if amount else nothing)
            left = list(map(sub, left, columns[-1]))
        left = list(map(add, left, deductibles))
    return columns


def spread_over(amount: int, weights: Sequence[int], whole: int, left: Sequence[int]) -> list[int]:
    """An amount in proportion to weights (whose sum is `whole`) by largest remainder, ties in line order.

    Each line receives at most what is `left` to it; the excess goes to the next line in order, after the last
    to the first again.
    """
    products = [amount * weight for weight in weights]
    shares = [product // whole for product in products]
    short = amount - sum(shares)
    if short:
        rests = [product % whole for product in products]
        for line in sorted(range(len(rests)), key=rests.__getitem__, reverse=True)[:short]:
            shares[line] += 1
    return shares if not any(map(gt, shares, left)) else _moved_on(shares, left)


def _moved_on(shares: Sequence[int], left: Sequence[int]) -> list[int]:
    """What a line cannot take goes to the next; the second time round takes what the last could not."""
    given, excess = list(shares), 0
    for line in (*range(len(given)), *range(len(given))):
        wanted = given[line] + excess
        given[line] = min(wanted, left[line])
        excess = wanted - given[line]
    if excess:
        raise ValueError(f"{sum(shares)} fen do not fit in {sum(left)}")
    return given
