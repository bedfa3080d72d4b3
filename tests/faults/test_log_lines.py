"""What the log says of a call: who, what, how it went and how long; never a name, a number of a person, or a body."""

from structlog.testing import capture_logs

from tests.faults.doors import doors
from tests.faults.test_documents_that_are_none import ask
from tests.faults.world import World

SAID = {"event", "log_level", "door", "caller", "verb", "outcome", "ms", "trace"}
MARK = "胸闷三天且不可外传"


def test_a_line_has_its_words_and_nothing_of_a_person_or_a_body(world: World) -> None:
    with capture_logs() as lines:
        for door in doors(world.app):
            body = (
                {"data": {"csrf": "x", "reason": MARK, "name": MARK}} if door.name == "web" else {"json": {"a": MARK}}
            )
            answer = ask(world, door, door.at(world.ours), **({} if door.method == "GET" else body))
            assert answer.status_code < 500
    calls = [line for line in lines if line["event"] == "call"]
    assert len(calls) > 200
    assert {frozenset(line) for line in calls} == {frozenset(SAID)}
    told = str(lines)
    assert [
        word for word in (MARK, "张示例", "李某某", "4205001960", "199000", world.ours["card"]) if word in told
    ] == []
