"""Two independent sides, held against each other to the fen, by the insurer's settlement time.

tables.py ....... what each side said, and the named differences
statements.py ... taking in files, totals and lines, each with its hash and time of receipt
books.py ........ the insurer's side, from the ledger of settlements
matching.py ..... what kind of difference two sides have over one settlement (pure)
comparing.py .... totals against totals (3201), lines against lines (3202)
breaks.py ....... the life of a difference: proposed, approved by a second person, resolved, or healed
board.py ........ hospitals by days, and the bridge from total A to total B
days.py ......... a whole day of the region at once: what stands, and a bulk comparison's finds named
breaches.py ..... amounts of one message that do not add up
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
    ACTIONS,
    USUAL_ACTION,
    WORDS,
    ActionUnknown,
    BreakUnknown,
    SamePerson,
    approve,
    breaks_of,
    history,
    propose,
    resolve,
    send_back,
)
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
from hub.reconciliation.matching import Difference, Group, Kind, Line, differences, grouped
from hub.reconciliation.platforms import in_our_numbers
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

__all__ = [
    "ACTIONS",
    "BREACH",
    "BREAK",
    "CLEARING",
    "FIELDS",
    "HOSPITAL_LINES",
    "INSURER_LINES",
    "NEEDED",
    "USUAL_ACTION",
    "WORDS",
    "ActionUnknown",
    "AlreadyApplied",
    "Amounts",
    "BreachUnknown",
    "Break",
    "BreakEvent",
    "BreakUnknown",
    "Bridge",
    "Cell",
    "ClearingApplication",
    "ClearingDiffers",
    "ClearingSums",
    "ClearingUnknown",
    "ColumnsNotMapped",
    "Compared",
    "Comparison",
    "Difference",
    "Entry",
    "ForeignBooks",
    "Group",
    "IdentityBreach",
    "Kind",
    "Line",
    "Listed",
    "Period",
    "PeriodTooLong",
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
    "Taken",
    "Unbalanced",
    "apply_for_clearing",
    "approve",
    "awaited",
    "breaches",
    "breaks_of",
    "bridge",
    "columns_of",
    "compare_lines",
    "compare_standing",
    "compare_totals",
    "day_board",
    "differences",
    "explain_breach",
    "file",
    "grouped",
    "history",
    "in_our_numbers",
    "keep_columns",
    "keep_file",
    "lines_of",
    "note_breaches",
    "propose",
    "resolve",
    "send_back",
    "sheet_as_it_came",
    "sheets_of",
    "standing",
    "take_in_sheet",
    "withdraw_clearing",
]
