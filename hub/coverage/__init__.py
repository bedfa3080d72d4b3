"""What the insurance promises whom: enrolments, filings, benefit packs, accumulators; and adjudication.

bills.py packs.py explanation.py .... the values: what is given, the rules as data, what is answered
adjudication.py ..................... adjudicate(bill, pack, standing), one pure function
steps.py sentences.py documents.py .. an explanation told in plain words; bills as documents
figures.py .......................... a pack as rows to read, and what differs between two
tables.py library.py checking.py .... the rows; packs imported, checked, signed; the pack of a day
feeding.py .......................... enrolments fed by file or call, all rows or none
enrolments.py filings.py ............ who is insured how; referrals and chronic diseases told beforehand
sharing.py .......................... a personal account that relatives may pay from
authorities.py ...................... who settles for an insured area: this hub, or a platform further up
entitlements.py ..................... all that a bill needs to know of a person, locked or not
estimates.py ........................ the same function asked before anything happens
"""

from hub.coverage.adjudication import RATIO_ONE, adjudicate, charge, half_up
from hub.coverage.authorities import (
    HUB,
    UPSTREAM,
    Authority,
    AuthorityUnknown,
    SettledUpstream,
    authorities,
    platform_of,
    set_authority,
)
from hub.coverage.benefits import Benefit, accumulated, benefits, year_so_far
from hub.coverage.bills import Bill, BillWrong, Line, Referral, Standing, Year
from hub.coverage.checking import PackGap, PackNotMonotone, PackOverlaps, PackUnreachable, check_pack
from hub.coverage.documents import bill_of, document_of
from hub.coverage.enrolments import (
    Enrolled,
    EnrolmentOverlaps,
    NotInsured,
    balance,
    credit,
    end_enrolment,
    enrol,
    enrolment,
    enrolment_on,
    enrolments,
)
from hub.coverage.entitlements import Entitlement, Question, entitlement, entitlements, hold, tidying
from hub.coverage.estimates import Choice, Estimate, estimate
from hub.coverage.explanation import Explanation, Share, Totals
from hub.coverage.feeding import EnrolmentsWrong, Fed, Row, SharedWith, feed, read_enrolments
from hub.coverage.figures import Difference, Figure, compare_packs, figures
from hub.coverage.filings import ChronicNotFiled, FilingUnknown, file_chronic, file_referral, filings, withdraw
from hub.coverage.library import (
    Imported,
    NotAClerk,
    PackBackdated,
    PackMissing,
    PackTaken,
    PackUnknown,
    PackWithdrawn,
    SameSignature,
    import_pack,
    pack_named,
    pack_of,
    packs,
    sign_pack,
    withdraw_pack,
)
from hub.coverage.movements import Moved, Movement, moving
from hub.coverage.packs import Pack, PackWrong, Scheme, read_pack
from hub.coverage.sentences import SENTENCES
from hub.coverage.sharing import (
    NotShared,
    ShareOverlaps,
    Sharer,
    ShareUnknown,
    Sharing,
    end_share,
    share_account,
    sharers,
    shares,
)
from hub.coverage.steps import Step, bill_steps, document, line_steps, percent
from hub.coverage.tables import (
    FILING,
    PACK,
    RELATIONS,
    SHARE,
    Account,
    AccountCredit,
    AccountShare,
    Accumulator,
    BenefitPack,
    ChronicUse,
    Enrolment,
    Filing,
    PackRelease,
)

__all__ = [
    "FILING",
    "HUB",
    "PACK",
    "RATIO_ONE",
    "RELATIONS",
    "SENTENCES",
    "SHARE",
    "UPSTREAM",
    "Account",
    "AccountCredit",
    "AccountShare",
    "Accumulator",
    "Authority",
    "AuthorityUnknown",
    "Benefit",
    "BenefitPack",
    "Bill",
    "BillWrong",
    "Choice",
    "ChronicNotFiled",
    "ChronicUse",
    "Difference",
    "Enrolled",
    "Enrolment",
    "EnrolmentOverlaps",
    "EnrolmentsWrong",
    "Entitlement",
    "Estimate",
    "Explanation",
    "Fed",
    "Figure",
    "Filing",
    "FilingUnknown",
    "Imported",
    "Line",
    "Moved",
    "Movement",
    "NotAClerk",
    "NotInsured",
    "NotShared",
    "Pack",
    "PackBackdated",
    "PackGap",
    "PackMissing",
    "PackNotMonotone",
    "PackOverlaps",
    "PackRelease",
    "PackTaken",
    "PackUnknown",
    "PackUnreachable",
    "PackWithdrawn",
    "PackWrong",
    "Question",
    "Referral",
    "Row",
    "SameSignature",
    "Scheme",
    "SettledUpstream",
    "Share",
    "ShareOverlaps",
    "ShareUnknown",
    "SharedWith",
    "Sharer",
    "Sharing",
    "Standing",
    "Step",
    "Totals",
    "Year",
    "accumulated",
    "adjudicate",
    "authorities",
    "balance",
    "benefits",
    "bill_of",
    "bill_steps",
    "charge",
    "check_pack",
    "compare_packs",
    "credit",
    "document",
    "document_of",
    "end_enrolment",
    "end_share",
    "enrol",
    "enrolment",
    "enrolment_on",
    "enrolments",
    "entitlement",
    "entitlements",
    "estimate",
    "feed",
    "figures",
    "file_chronic",
    "file_referral",
    "filings",
    "half_up",
    "hold",
    "import_pack",
    "line_steps",
    "moving",
    "pack_named",
    "pack_of",
    "packs",
    "percent",
    "platform_of",
    "read_enrolments",
    "read_pack",
    "set_authority",
    "share_account",
    "sharers",
    "shares",
    "sign_pack",
    "tidying",
    "withdraw",
    "withdraw_pack",
    "year_so_far",
]
