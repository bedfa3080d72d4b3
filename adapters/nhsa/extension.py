"""exp_content: a JSON object in a string, with the few keys by which a referral or an emergency shows itself.

Two keys are this region's own: OVRD_DR_CODG (a doctor's national code) and OVRD_REA (their reason) in 2207 and 2304
answer for charges that are doubted (the same item twice, in-patient and out-patient at once, too much of an item).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.faults import Invalid

KEYS = frozenset(
    {"MDTRT_GRP_TYPE", "TRUM_FLAG", "REL_TTP_FLAG", "IPT_TYPE", "OTP_ER_REFL_FLAG", "OVRD_DR_CODG", "OVRD_REA"}
)


def extension(text: str | None, element: str) -> Mapping[str, str]:
    """The known keys, as text; upper or lower case. Refuses: Invalid."""
    if text is None:
        return {}
    try:
        found: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        found = None
    if type(found) is not dict:
        raise Invalid(element=element, found=text[:40], allowed="JSON 对象的文本，或空")
    return {key.upper(): str(value) for key, value in found.items() if key.upper() in KEYS}
