"""Bills, quotes, settlements, their undoing, and the double-entry ledger that proves them.

tables.py ........ the rows
fees.py .......... register a visit; fee lines uploaded and cancelled in parts
doubts.py ........ looked for before money moves; a doctor may override by name
charges.py ....... from a charge to a bill: lines, standing, referral episode
settling.py ...... quote, settle, settle_many, settling_many
undoing.py ....... undo, reverse
refunding.py ..... part of a settlement given back, the rest settled anew
hearing.py ....... what a hospital's own system hears of it
keys.py standing.py .... message keys, and what they stand for later
rows.py telling.py ..... rows, postings and what they move; what a patient is told
proving.py ....... the books of late prove themselves; verifying.py checks everything that ever moved
rerunning.py ..... every settlement adjudicated again from the bill that was kept
windows.py ....... whom and what a cashier's transaction names
upstream/ ........ the same for whom a platform further up settles: asked, answered, found out
replaying.py ..... what another pack would have paid for the bills of a month
reading.py ....... by_key, settlements_of, the bill with every fen explained
"""

from hub.settlement.charges import Charge, NothingToSettle, TotalDiffers
from hub.settlement.doubts import Doubt, Doubted, Override, OverrideWrong, of_batch
from hub.settlement.fees import (
    STAY,
    BatchSettled,
    FeeFacts,
    FeeNumberTaken,
    FeeWrong,
    HasCharges,
    ItemUnknown,
    VisitOver,
    cancel_fees,
    doubts_of,
    fees,
    register,
    require_no_charges,
    require_unsettled,
    upload,
)
from hub.settlement.keys import KeyReversed, KeyTaken, KeyUndone
from hub.settlement.proving import Proof, prove
from hub.settlement.reading import (
    BillLine,
    KeyOutcome,
    Told,
    bill,
    by_key,
    explained,
    lines_of,
    settled_on,
    settlement,
    settlements_of,
    settlements_of_visit,
    shared_so_far,
    usual_items,
)
from hub.settlement.refunding import Given, RefundOfAll, RefundWrong, chain, refund
from hub.settlement.replaying import MONEY, NothingToReplay, TooManyToReplay, bounds_of_month, month_of, replay, replays
from hub.settlement.rerunning import Rerun, rerun
from hub.settlement.settling import AlreadySettled, Order, OutcomeNotKnown, quote, settle, settle_many, settling_many
from hub.settlement.standing import RefundedInPart, require_standing
from hub.settlement.tables import (
    AMOUNTS,
    SETTLEMENT,
    ChargeKey,
    FeeLine,
    PackReplay,
    Posting,
    Refund,
    Registration,
    Settlement,
    SettlementKey,
)
from hub.settlement.undoing import BuiltUpon, SettlementUnknown, reverse, undo
from hub.settlement.verifying import CHECKS, Breach, verify
from hub.settlement.windows import Naming, Window, asking_windows, windows, windows_in

__all__ = [
    "AMOUNTS",
    "CHECKS",
    "MONEY",
    "SETTLEMENT",
    "STAY",
    "AlreadySettled",
    "BatchSettled",
    "BillLine",
    "Breach",
    "BuiltUpon",
    "Charge",
    "ChargeKey",
    "Doubt",
    "Doubted",
    "FeeFacts",
    "FeeLine",
    "FeeNumberTaken",
    "FeeWrong",
    "Given",
    "HasCharges",
    "ItemUnknown",
    "KeyOutcome",
    "KeyReversed",
    "KeyTaken",
    "KeyUndone",
    "Naming",
    "NothingToReplay",
    "NothingToSettle",
    "Order",
    "OutcomeNotKnown",
    "Override",
    "OverrideWrong",
    "PackReplay",
    "Posting",
    "Proof",
    "Refund",
    "RefundOfAll",
    "RefundWrong",
    "RefundedInPart",
    "Registration",
    "Rerun",
    "Settlement",
    "SettlementKey",
    "SettlementUnknown",
    "Told",
    "TooManyToReplay",
    "TotalDiffers",
    "VisitOver",
    "Window",
    "asking_windows",
    "bill",
    "bounds_of_month",
    "by_key",
    "cancel_fees",
    "chain",
    "doubts_of",
    "explained",
    "fees",
    "lines_of",
    "month_of",
    "of_batch",
    "prove",
    "quote",
    "refund",
    "register",
    "replay",
    "replays",
    "require_no_charges",
    "require_standing",
    "require_unsettled",
    "rerun",
    "reverse",
    "settle",
    "settle_many",
    "settled_on",
    "settlement",
    "settlements_of",
    "settlements_of_visit",
    "settling_many",
    "shared_so_far",
    "undo",
    "upload",
    "usual_items",
    "verify",
    "windows",
    "windows_in",
]
