"""The pages on which people of operations do a refused message once more."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from adapters import door
from adapters.hl7v2 import inbound
from hub import exchange, people, trust
from hub.exchange import HeardMessage
from hub.trust import Audit
from tests.adapters.hl7v2.conftest import document
from tests.adapters.web.conftest import Visit
from tests.adapters.web.reading import Page
from tests.adapters.web.scenario import Scenario
from tests.region import COMMUNITY

WRONG = document("adt-a28_wrong-check-digit.request.hl7")
RIGHT = WRONG.decode().replace("420500199003070029", "420500199003070028").replace("\r", "\r\n")


@pytest.fixture
def session(house: Engine, scenario: Scenario) -> Iterator[Session]:
    with Session(house) as session:
        trust.issue_mllp_peer(
            session, organisation_id=COMMUNITY, address="127.0.1.3", application="HIS", facility=COMMUNITY,
            scopes=trust.SCOPES, at=door.now(),
        )  # fmt: skip
        session.commit()
        yield session


def refused(session: Session, control_id: str) -> int:
    list(inbound.receive(WRONG.replace(b"YQ20261122000002", control_id.encode()), address="127.0.1.3"))
    return session.scalars(select(HeardMessage.id).order_by(HeardMessage.id.desc()).limit(1)).one()


def test_a_message_is_previewed_corrected_by_hand_and_replayed(visit: Visit, session: Session) -> None:
    old_id, client = refused(session, "W1"), visit("operator")
    shown = client.get(f"/ops/heard?open={old_id}").text
    assert "19900000187" not in shown, "masked until somebody asks"
    form = next(each for each in Page(shown).forms if each.fields.get("message") == str(old_id))
    preview = client.post(form.action, data=form.fields)
    assert (preview.status_code, "校验位" in preview.text) == (200, True)
    assert "现在重放仍会被拒" in preview.text
    editor = client.get(f"/ops/heard/correct?message={old_id}").text
    assert "19900000187" in editor
    form = Page(editor).form("/ops/heard/preview")
    fields = {"csrf": form.fields["csrf"], "message": str(old_id), "text": RIGHT.replace("YQ20261122000002", "W1")}
    again = client.post("/ops/heard/preview", data=fields).text
    assert "被拒" not in again.split("<tbody>")[1].split("</tbody>")[0]
    assert "420500199003070028" in again, "what was typed is kept"
    with pytest.raises(people.PersonUnknown):
        people.resolve(session, system=f"mrn/{COMMUNITY}", value="YQ-000187")
    answer = client.post("/ops/heard/replay", data=fields)
    new = session.scalars(select(HeardMessage).where(HeardMessage.replay_of == old_id)).one()
    assert (answer.status_code, answer.headers["location"]) == (303, f"/ops/heard?open={new.id}&done=1&of=1")
    assert people.resolve(session, system=f"mrn/{COMMUNITY}", value="YQ-000187")
    assert "重放 1 条，接受 1 条" in client.get(answer.headers["location"]).text
    verbs = session.scalars(select(Audit.verb).where(Audit.subject.startswith(f"heard/{old_id}")).order_by(Audit.id))
    assert list(verbs) == [
        "exchange.heard", "exchange.replay.preview", "exchange.heard.unmasked", "exchange.replay.preview", "exchange.replay",
    ]  # fmt: skip
    twice = client.post("/ops/heard/replay", data=fields)
    assert (twice.status_code, "已经受理过" in twice.text) == (422, True)


def test_many_are_chosen_and_only_those_that_would_be_accepted_are_offered(visit: Visit, session: Session) -> None:
    ids, client = [refused(session, "W2"), refused(session, "W3")], visit("operator")
    page = Page(client.get("/ops/heard?faults=1").text)
    boxes = {row["value"] for row in page.inputs if row.get("type") == "checkbox"}
    assert {str(each) for each in ids} <= boxes
    csrf = page.form("/ops/heard/preview").fields["csrf"]
    text = client.post("/ops/heard/preview", data={"csrf": csrf, "message": ids}).text
    assert text.count("citizen") == 0
    assert "重放 2 条消息" in text
    before = len(exchange.search_heard(session, limit=500))
    done = client.post("/ops/heard/replay", data={"csrf": csrf, "message": ids})
    assert done.headers["location"] == "/ops/heard?faults=replays&done=0&of=2"
    assert len(exchange.search_heard(session, limit=500)) == before + 2


@pytest.mark.parametrize(
    ("fields", "status"),
    [({}, 400), ({"message": "x"}, 400), ({"message": "999999"}, 404), ({"message": list(range(51))}, 400)],
)
@pytest.mark.parametrize("path", ["/ops/heard/preview", "/ops/heard/replay"])
def test_a_choice_of_nothing_or_of_too_many_is_refused(
    visit: Visit, session: Session, path: str, fields: dict[str, str], status: int
) -> None:
    client = visit("operator")
    csrf = Page(client.get("/ops/heard").text).form("/ops/heard/preview").fields["csrf"]
    before = len(exchange.search_heard(session, limit=500))
    assert client.post(path, data={"csrf": csrf, **fields}).status_code == status
    assert len(exchange.search_heard(session, limit=500)) == before
