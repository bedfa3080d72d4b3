"""Every page of the four faces, with what may be asked of it; by who looks."""

from datetime import timedelta

from hub.people import card_number
from tests.adapters.web.scenario import Scenario

CITIZEN = [
    "/",
    "/book",
    "/book?q=心",
    "/book?q=没有的科",
    "/book/H42050000101-0301",
    "/book/H42050000101-0401",
    "/book/confirm?slot_id={slot_id}",
    "/appointments",
    "/appointments/{appointment_id}",
    "/appointments/{appointment_id}?done=booked",
    "/appointments/{appointment_id}/move",
    "/appointments/{appointment_id}/cancel",
    "/waiting",
    "/waiting?department=H42050000101-0301",
    "/referrals",
    "/referrals/{referral_id}",
    "/results",
    "/results/{report_id}",
    "/documents/{document_id}",
    "/bills",
    "/bills/{bill_id}",
    "/bills/{county_bill_id}",
    "/bills/{upstream_bill_id}",
    "/bills/{bill_id}/sheet",
    "/estimate",
    "/estimate?total=300&care=outpatient",
    "/visits",
    "/card",
    "/card?full=1",
    "/messages",
    "/me",
]
DOCTOR = [
    "/desk",
    "/desk?day={day}",
    "/desk/referrals/in",
    "/desk/referrals/in?open={waiting_id}",
    "/desk/referrals/in?group=all&open={referral_id}",
    "/desk/referrals/in?group=letters",
    "/desk/referrals/out",
    "/desk/referrals/out?group=to-decide",
    "/desk/duty",
    "/desk/consultations",
    "/desk/consultations?open={consultation_id}",
    "/desk/refer",
    "/desk/refer?person_id={stranger_id}",
    "/desk/refer?person_id={stranger_id}&receiver=H42058200301/H42058200301-0201",
    "/desk/consultations/new",
    "/desk/consultations/new?person_id={person_id}",
    "/desk/results/{report_id}",
    "/desk/documents/{document_id}",
    "/desk/slips/{appointment_id}",
    "/desk/stops",
    "/desk/stops?department=H42050000101-0301&since={day}T08:00&until={day}T18:00&reason=开会",
    "/desk/stops/{stop_id}",
    "/desk/stops/{stop_id}?known=not-reached",
    "/desk/charge",
    "/desk/charge?number={card}",
    "/desk/bills/{bill_id}",
    "/desk/bills/{bill_id}/sheet",
]
CLERK = ["/desk/window", "/desk/window?number={card}", "/desk/window?number={card}&department=H42050000101-0301"]
BUREAU = [
    "/bureau",
    "/bureau?day={yesterday}",
    "/bureau/differences",
    "/bureau/differences?owner=me&order=money",
    "/bureau/differences/{break_id}",
    "/bureau/differences/{break_id}/wire",
    "/bureau/month",
    "/bureau/breaches",
    "/bureau/sheets",
    "/bureau/sheets?hospital=H42050000101",
    "/bureau/referrals",
    "/bureau/referrals?month=2026-01",
    "/bureau/rules",
    "/bureau/rules/try",
    "/bureau/rules/try?pack=yichang-draft-2028",
    "/bureau/rules/yichang-example-2024",
    "/bureau/rules/yichang-draft-2028",
    "/bureau/rules/yichang-draft-2028?against=yichang-example-2024",
]
OPERATOR = [
    "/ops",
    "/ops/heard",
    "/ops/heard?open={heard_id}",
    "/ops/heard?faults=1",
    "/ops/heard?key=nothing",
    "/ops/heard?faults=replays",
    "/ops/heard/correct?message={heard_id}",
    "/ops/due",
    "/ops/due?open={due_id}",
    "/ops/lanes",
    "/ops/platforms",
    "/ops/referrals",
]
NOBODY = ["/sign-in", "/staff/sign-in"]
EVERY = (
    [("citizen", path) for path in CITIZEN]
    + [("center.doctor", path) for path in DOCTOR]
    + [("center.clerk", path) for path in CLERK]
    + [("bureau.clerk", path) for path in BUREAU]
    + [("operator", path) for path in OPERATOR]
    + [("", path) for path in NOBODY]
)


def at(path: str, scenario: Scenario) -> str:
    """The address with the rows of the scenario in it."""
    facts = {**scenario.__dict__, "card": card_number(1), "yesterday": scenario.day - timedelta(days=2)}
    return path.format(**facts)
