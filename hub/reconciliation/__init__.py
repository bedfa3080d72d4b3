"""Two independent sides, held against each other to the fen, by the insurer's settlement time.

tables.py ....... what each side said, and the named differences
statements.py ... taking in files, totals and lines, each with its hash and time of receipt
books.py ........ the insurer's side, from the ledger of settlements
matching.py ..... what kind of difference two sides have over one settlement (pure)
comparing.py .... totals against totals (3201), lines against lines (3202)
breaks.py ....... the life of a difference: proposed, approved by a second person, resolved, or healed; whose it is
causes.py ....... a difference in plain words: which fields differ, why that usually is, what settles it
queue.py ........ what is open, the oldest and largest first, of some hospital, kind or owner
results.py ...... the result of a comparison as a file with a deadline; one never fetched is a difference
evidence.py ..... both sides of a difference field by field, and the wire text behind them
working_days.py . how old a difference is in days on which the bureau works
board.py ........ hospitals by days, and the bridge from total A to total B
months.py ....... a month: how much of each day agrees, what is open by kind and age, what each hospital is off by
days.py ......... a whole day of the region at once: what stands, and a bulk comparison's finds named
breaches.py ..... amounts of one message that do not add up
journal.py ...... the ledger's rows against the answers that their messages got
platforms.py .... the insurer's side where a platform further up settles
sheets.py ....... a hospital's own sheet of a day, by columns said once, as its side
clearing.py ..... a settled month applied for to be cleared (3203), and taken back (3204)
"""

from hub.reconciliation.board import Bridge, Cell, Entry, bridge, day_board
from hub.reconciliation.breaches import (
    BREACH,
    BreachUnknown,
    IdentityBreach,
    Unbalanced,
    breaches,
    explain_breach,
    note_breaches,
)
from hub.reconciliation.breaks import (
    CLOSED,
    ActionUnknown,
    BreakClosed,
    BreakTaken,
    BreakUnknown,
    BureauOnly,
    ClerkUnknown,
    SamePerson,
    approve,
    assign,
    break_of,
    breaks_of,
    clerks,
    history,
    propose,
    resolve,
    send_back,
    take,
)
from hub.reconciliation.causes import ACTIONS, ADVICE, USUAL_ACTION, WORDS, apart, cause, vectors
from hub.reconciliation.clearing import (
    CLEARING,
    AlreadyApplied,
    ClearingApplication,
    ClearingDiffers,
    ClearingSums,
    ClearingUnknown,
    apply_for_clearing,
    withdraw_clearing,
)
from hub.reconciliation.comparing import Compared, compare_lines, compare_totals
from hub.reconciliation.days import HOSPITAL_LINES, INSURER_LINES, Side, awaited, compare_standing, standing
from hub.reconciliation.evidence import Evidence, Field, evidence
from hub.reconciliation.journal import RULE, Journal, Told, note_differing, told
from hub.reconciliation.matching import Difference, Group, Kind, Line, differences, grouped
from hub.reconciliation.months import AGES, DayShare, HospitalSum, Month, age_class, month
from hub.reconciliation.platforms import in_our_numbers
from hub.reconciliation.queue import NOBODY, Queue, in_order, queue, size
from hub.reconciliation.results import StatementResult, fetched, keep_result, miss_results
from hub.reconciliation.sheets import (
    FIELDS,
    NEEDED,
    ColumnsNotMapped,
    Listed,
    Sheet,
    SheetColumns,
    SheetDoesNotStand,
    SheetStands,
    SheetUnknown,
    Taken,
    columns_of,
    keep_columns,
    sheet_as_it_came,
    sheets_of,
    take_in_sheet,
)
from hub.reconciliation.statements import (
    Amounts,
    ForeignBooks,
    Period,
    PeriodTooLong,
    StatementDoesNotFoot,
    StatementFileExpired,
    StatementFileUnknown,
    file,
    keep_file,
    lines_of,
)
from hub.reconciliation.tables import (
    BREAK,
    Break,
    BreakEvent,
    Comparison,
    Statement,
    StatementFile,
    StatementLine,
)
from hub.reconciliation.working_days import is_working_day, working_days

__all__ = [
    "ACTIONS",
    "ADVICE",
    "AGES",
    "BREACH",
    "BREAK",
    "CLEARING",
    "CLOSED",
    "FIELDS",
    "HOSPITAL_LINES",
    "INSURER_LINES",
    "NEEDED",
    "NOBODY",
    "RULE",
    "USUAL_ACTION",
    "WORDS",
    "ActionUnknown",
    "AlreadyApplied",
    "Amounts",
    "BreachUnknown",
    "Break",
    "BreakClosed",
    "BreakEvent",
    "BreakTaken",
    "BreakUnknown",
    "Bridge",
    "BureauOnly",
    "Cell",
    "ClearingApplication",
    "ClearingDiffers",
    "ClearingSums",
    "ClearingUnknown",
    "ClerkUnknown",
    "ColumnsNotMapped",
    "Compared",
    "Comparison",
    "DayShare",
    "Difference",
    "Entry",
    "Evidence",
    "Field",
    "ForeignBooks",
    "Group",
    "HospitalSum",
    "IdentityBreach",
    "Journal",
    "Kind",
    "Line",
    "Listed",
    "Month",
    "Period",
    "PeriodTooLong",
    "Queue",
    "SamePerson",
    "Sheet",
    "SheetColumns",
    "SheetDoesNotStand",
    "SheetStands",
    "SheetUnknown",
    "Side",
    "Statement",
    "StatementDoesNotFoot",
    "StatementFile",
    "StatementFileExpired",
    "StatementFileUnknown",
    "StatementLine",
    "StatementResult",
    "Taken",
    "Told",
    "Unbalanced",
    "age_class",
    "apart",
    "apply_for_clearing",
    "approve",
    "assign",
    "awaited",
    "breaches",
    "break_of",
    "breaks_of",
    "bridge",
    "cause",
    "clerks",
    "columns_of",
    "compare_lines",
    "compare_standing",
    "compare_totals",
    "day_board",
    "differences",
    "evidence",
    "explain_breach",
    "fetched",
    "file",
    "grouped",
    "history",
    "in_order",
    "in_our_numbers",
    "is_working_day",
    "keep_columns",
    "keep_file",
    "keep_result",
    "lines_of",
    "miss_results",
    "month",
    "note_breaches",
    "note_differing",
    "propose",
    "queue",
    "resolve",
    "send_back",
    "sheet_as_it_came",
    "sheets_of",
    "size",
    "standing",
    "take",
    "take_in_sheet",
    "told",
    "vectors",
    "withdraw_clearing",
    "working_days",
]
