"""What the insurance promises whom: enrolments, filings, benefit packs, accumulators; and adjudication.

`adjudicate(bill, pack, standing)` is one pure function; everything else here finds its three arguments.
"""

from hub.coverage.adjudication import adjudicate, half_up
from hub.coverage.bills import Bill, BillWrong, Line, Referral, Standing, Year
from hub.coverage.documents import bill_of, document_of
from hub.coverage.explanation import Explanation, Share, Totals
from hub.coverage.packs import Pack, PackWrong, Scheme, read_pack
from hub.coverage.steps import Step, bill_steps, document, line_steps

__all__ = [
    "Bill",
    "BillWrong",
    "Explanation",
    "Line",
    "Pack",
    "PackWrong",
    "Referral",
    "Scheme",
    "Share",
    "Standing",
    "Step",
    "Totals",
    "Year",
    "adjudicate",
    "bill_of",
    "bill_steps",
    "document",
    "document_of",
    "half_up",
    "line_steps",
    "read_pack",
]
