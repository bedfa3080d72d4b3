"""Which function does which transaction. What is not here, or not in the region's list, is not offered.

2207 and 2304 are in gathered.py: settlements that arrive together share a transaction.
"""

from adapters.nhsa import (
    catalogues,
    clearing,
    fees,
    filings,
    institutions,
    persons,
    queries,
    reversal,
    settling,
    signing_in,
    statements,
    visits,
)
from adapters.nhsa.verbs import Verb

VERBS: dict[str, Verb] = {
    "1101": persons.person_info,
    "1201": institutions.institution,
    **dict.fromkeys(("1301", "1302", "1303", "1305", "1306", "1307", "1308", "1309", "1310", "1311"), catalogues.ask),
    "1304": catalogues.page,
    "1312": catalogues.page,
    "2001": persons.entitlement,
    "2201": visits.register,
    "2202": visits.cancel,
    "2203": visits.diagnoses,
    "2204": fees.upload,
    "2205": fees.cancel_batch,
    "2206": settling.quote,
    "2208": settling.undo,
    "2301": fees.upload,
    "2302": fees.cancel_lines,
    "2303": settling.quote,
    "2305": settling.undo,
    "2401": visits.admit,
    "2402": visits.discharge,
    "2403": visits.change,
    "2404": visits.cancel,
    "2405": visits.cancel_discharge,
    "2501": filings.file_referral,
    "2502": filings.withdraw,
    "2503": filings.file_chronic,
    "2504": filings.withdraw,
    "2601": reversal.reverse,
    "3201": statements.totals,
    "3202": statements.lines,
    "3203": clearing.apply,
    "3204": clearing.withdraw,
    "5201": queries.visits,
    "5203": settling.look_up,
    "5206": persons.accumulated,
    "5301": filings.chronic_filings,
    "5303": queries.in_patients,
    "5304": filings.referral_filings,
    "9001": signing_in.sign_in,
    "9002": signing_in.sign_out,
    "9101": statements.upload,
    "9102": statements.download,
}

READS = frozenset(
    {"1101", "1201", "2001", "2206", "2303", "5201", "5203", "5206", "5301", "5303", "5304", "9102"}
    | {infno for infno in VERBS if infno.startswith("13")}
)
"""Transactions that change nothing: worked on anew each time, stored only when refused."""
