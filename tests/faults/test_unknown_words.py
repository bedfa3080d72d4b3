"""A word in an address that no page knows does nothing: it is never taken for the last of a list of actions."""

import pytest

from tests.faults.doors import Door
from tests.faults.test_pages import send
from tests.faults.world import World


@pytest.mark.parametrize(
    "path",
    [
        "/desk/appointments/{appointment_id}/disappear",
        "/desk/referrals/{referral_id}/disappear",
        "/desk/consultations/{consultation_id}/disappear",
        "/bureau/differences/1/disappear",
        "/ops/lanes/disappear",
    ],
)
def test_an_action_that_no_page_offers_is_refused_by_name(world: World, path: str) -> None:
    before = world.written()
    answer = send(world, Door("POST", path), {"destination": "x", "subject": "y"})
    assert answer.status_code == 400
    assert "disappear" in answer.text
    assert world.written() == before
