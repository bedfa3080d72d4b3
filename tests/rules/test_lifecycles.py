"""Every state table of the hub, whatever it is about."""

from dataclasses import dataclass
from itertools import product

import pytest

from hub.lifecycle import IllegalMove, Lifecycle
from hub.migrations import import_every_room

import_every_room()
LIFECYCLES = {lifecycle.noun: lifecycle for lifecycle in Lifecycle.every}


@dataclass
class Row:
    state: str


@pytest.fixture(params=LIFECYCLES)
def lifecycle(request: pytest.FixtureRequest) -> Lifecycle:
    return LIFECYCLES[request.param]


def test_the_rooms_have_lifecycles() -> None:
    assert {"appointment", "referral"} <= LIFECYCLES.keys()


def test_every_noun_has_one_lifecycle() -> None:
    assert len(LIFECYCLES) == len(Lifecycle.every)


def test_every_move_in_the_table_is_made_and_every_other_pair_refused(lifecycle: Lifecycle) -> None:
    for state, event in product(lifecycle.states, lifecycle.events):
        row = Row(state)
        if (state, event) in lifecycle.moves:
            lifecycle.move(row, event)
            assert row.state == lifecycle.moves[state, event]
        else:
            with pytest.raises(IllegalMove):
                lifecycle.move(row, event)
            assert row.state == state


def test_every_state_can_be_reached(lifecycle: Lifecycle) -> None:
    reached, waiting = {lifecycle.start}, [lifecycle.start]
    while waiting:
        here = waiting.pop()
        for (source, _), target in lifecycle.moves.items():
            if source == here and target not in reached:
                reached.add(target)
                waiting.append(target)
    assert reached == set(lifecycle.states)
