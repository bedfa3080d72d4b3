"""Variant (a) of the gateway: the signature of a known request, and what is turned away at the gate."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.nhsa.gateway import SIGNINGS, GatewayHeaders, GatewayRefused, signing
from adapters.nhsa.region import HOME_AREA, region
from fixtures.simulators.nhsa_client import Hospital

GATE = GatewayHeaders()
AT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=30)


def signed(**differs):
    headers = GATE.sign(access_key="AK1", secret="SK1", name="1101", version="1.0.0", at=AT)
    return headers | differs


def test_the_signature_of_a_known_request():
    """Computed independently: openssl dgst -sha1 -hmac SK1 -binary | base64."""
    assert signed()["_api_timestamp"] == "1795312800000"
    assert signed()["_api_signature"] == "D16J6wH/o9UuZiMEO5yfJRPTDAk="


def test_a_signed_request_passes():
    GATE.check(GATE.knock(signed(), at=AT, window=WINDOW), "SK1")


def test_the_simulated_hospital_signs_the_same_way():
    hospital = Hospital("http://127.0.0.1:1", "H42050000101", "市示例中心医院", "AK1", "SK1", clock=lambda: AT)
    assert hospital.signed("1101") == signed()
    hospital.close()


@pytest.mark.parametrize(
    "missing", ["_api_access_key", "_api_name", "_api_version", "_api_timestamp", "_api_signature"]
)
def test_a_missing_header_is_refused(missing):
    with pytest.raises(GatewayRefused, match="缺少服务网关的请求头"):
        GATE.knock({k: v for k, v in signed().items() if k != missing}, at=AT, window=WINDOW)


@pytest.mark.parametrize("late", [timedelta(minutes=31), timedelta(minutes=-31)])
def test_a_timestamp_outside_the_window_is_refused(late):
    with pytest.raises(GatewayRefused, match="签名时间戳超时"):
        GATE.knock(signed(), at=AT + late, window=WINDOW)


@pytest.mark.parametrize("written", ["abc", "1795312800", "-795312800000", "１７９５３１２８０００００"])
def test_a_timestamp_that_is_no_time_is_refused(written):
    with pytest.raises(GatewayRefused, match="签名时间戳超时"):
        GATE.knock(signed(_api_timestamp=written), at=AT, window=WINDOW)


@pytest.mark.parametrize("differs", [{"_api_name": "2207"}, {"_api_version": "2"}, {"_api_signature": "签名"}])
def test_a_changed_header_no_longer_matches(differs):
    with pytest.raises(GatewayRefused, match="签名不一致"):
        GATE.check(GATE.knock(signed(**differs), at=AT, window=WINDOW), "SK1")


def test_another_secret_does_not_match():
    with pytest.raises(GatewayRefused, match="签名不一致"):
        GATE.check(GATE.knock(signed(), at=AT, window=WINDOW), "SK2")


def test_the_region_chooses_the_way_and_one_that_nobody_has_built_is_told_at_start():
    assert signing(region(HOME_AREA).signing) is SIGNINGS["a"]
    for variant, told in (("b", "TIF headers"), ("c", "SM2 and SM4"), ("z", "unknown")):
        with pytest.raises(ValueError, match=told):
            signing(variant)
