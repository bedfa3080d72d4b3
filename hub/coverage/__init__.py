"""What the insurance promises whom: enrolments, filings, benefit packs, accumulators; and adjudication.

bills.py packs.py explanation.py .... the values: what is given, the rules as data, what is answered
adjudication.py ..................... adjudicate(bill, pack, standing), one pure function
steps.py sentences.py documents.py .. an explanation told in plain words; bills as documents
tables.py library.py ................ the rows; the pack of a day
enrolments.py filings.py ............ who is insured how; referrals and chronic diseases told beforehand
entitlements.py ..................... all that a bill needs to know of a person, locked or not
estimates.py ........................ the same function asked before anything happens
"""

from hub.coverage.adjudication import RATIO_ONE, adjudicate, charge, half_up
from hub.coverage.benefits import Benefit, accumulated, benefits, year_so_far
from hub.coverage.bills import Bill, BillWrong, Line, Referral, Standing, Year
from hub.coverage.documents import bill_of, document_of
from hub.coverage.enrolments import (
    NotInsured,
    balance,
    credit,
    end_enrolment,
    enrol,
    enrolment,
    enrolment_on,
    enrolments,
)
from hub.coverage.entitlements import Entitlement, Question, entitlement, entitlements, hold
from hub.coverage.estimates import Choice, Estimate, estimate
from hub.coverage.explanation import Explanation, Share, Totals
from hub.coverage.filings import ChronicNotFiled, FilingUnknown, file_chronic, file_referral, filings, withdraw
from hub.coverage.library import PackMissing, PackTaken, PackUnknown, import_pack, pack_named, pack_of, packs
from hub.coverage.movements import Moved, Movement, move
from hub.coverage.packs import Pack, PackWrong, Scheme, read_pack
from hub.coverage.sentences import SENTENCES
from hub.coverage.steps import Step, bill_steps, document, line_steps, percent
from hub.coverage.tables import (
    FILING,
    Account,
    AccountCredit,
    Accumulator,
    BenefitPack,
    ChronicUse,
    Enrolment,
    Filing,
)

__all__ = [
    "FILING",
    "RATIO_ONE",
    "SENTENCES",
    "Account",
    "AccountCredit",
    "Accumulator",
    "Benefit",
    "BenefitPack",
    "Bill",
    "BillWrong",
    "Choice",
    "ChronicNotFiled",
    "ChronicUse",
    "Enrolment",
    "Entitlement",
    "Estimate",
    "Explanation",
    "Filing",
    "FilingUnknown",
    "Line",
    "Moved",
    "Movement",
    "NotInsured",
    "Pack",
    "PackMissing",
    "PackTaken",
    "PackUnknown",
    "PackWrong",
    "Question",
    "Referral",
    "Scheme",
    "Share",
    "Standing",
    "Step",
    "Totals",
    "Year",
    "accumulated",
    "adjudicate",
    "balance",
    "benefits",
    "bill_of",
    "bill_steps",
    "charge",
    "credit",
    "document",
    "document_of",
    "end_enrolment",
    "enrol",
    "enrolment",
    "enrolment_on",
    "enrolments",
    "entitlement",
    "entitlements",
    "estimate",
    "file_chronic",
    "file_referral",
    "filings",
    "half_up",
    "hold",
    "import_pack",
    "line_steps",
    "move",
    "pack_named",
    "pack_of",
    "packs",
    "percent",
    "read_pack",
    "withdraw",
    "year_so_far",
]
