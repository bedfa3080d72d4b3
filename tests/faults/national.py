"""A hospital that says anything at all over the national interface, and gets an answer in its form."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from fixtures.simulators.nhsa_client import Hospital
from tests.faults.doors import Door, refused_in_form
from tests.faults.world import SECRET, World
from tests.region import TERTIARY

Answer = dict[str, Any]
Ask = Callable[..., Answer]


def asking(world: World) -> Iterator[Ask]:
    """`ask(infno, input)`: one signed call and its answer, whatever it is; it is never less than the form."""
    hospitals: dict[str, Hospital] = {}

    def call(infno: str, said: Any, *, institution: str = TERTIARY, differs: Answer | None = None) -> Answer:
        if institution not in hospitals:
            hospitals[institution] = Hospital("http://hub", institution, "示例医院", f"{institution}/nhsa", SECRET)
        hospital = hospitals[institution]
        message = json.loads(hospital.envelope(infno, {}, msgid=hospital.next_msgid())) | {"input": said}
        headers = {"content-type": "application/json"} | hospital.signed(infno)
        answer = world.send(
            "POST", f"/nhsa/{infno}", content=json.dumps(message | (differs or {})).encode(), headers=headers
        )
        assert answer.status_code == 200, answer.text[:300]
        if answer.headers["content-type"] != "application/json":
            return {"infcode": 0, "output": {}}
        if answer.json()["infcode"] != 0:
            refused_in_form(Door("POST", f"/nhsa/{infno}"), answer)
        return answer.json()

    yield call
    for hospital in hospitals.values():
        hospital.close()
