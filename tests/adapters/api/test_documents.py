"""What is written down about the doors is what the doors do."""

import json
from pathlib import Path

from adapters.api import openapi
from adapters.api.operations import OPERATIONS
from adapters.api.problems import STATUS
from adapters.hl7v2.messages import MESSAGES
from hub.faults import Kind

FOLDER = Path(openapi.FILE).parent


def test_the_description_checked_in_is_the_one_that_is_generated() -> None:
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.text(), "run: python -m adapters.api.openapi"


def test_every_operation_is_described_once_with_a_sentence() -> None:
    document = openapi.document()
    described = [o["operationId"] for path in document["paths"].values() for o in path.values()]
    assert sorted(described) == sorted({one.verb for one in OPERATIONS})
    assert all(one.summary.endswith(".") for one in OPERATIONS)


def test_every_kind_of_refusal_has_its_status() -> None:
    assert set(STATUS) == set(Kind)


def test_the_messages_written_down_are_those_that_are_heard() -> None:
    document = json.loads((FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
    told = document["channels"]["fromHospital"]["messages"]
    written = {(code, event) for code, message in told.items() for event in message["x-trigger-events"]}
    assert written == set(MESSAGES)
