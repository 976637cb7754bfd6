"""Which visits the server remembers, and for how long."""

import asyncio

import gradio as gr
import pytest

from assets.page import visits
from assets.page.visits import MAX_UNUSED, Visit, Visits
from tests.asynchronous import run


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Visits:
    """Two used visits, "first" and "second", as many as there is room for."""
    monkeypatch.setattr("gradio.state_holder.SessionState", Visit)
    monkeypatch.setattr(visits, "GRACE_S", 0.05)
    with gr.Blocks() as page:
        gr.State("chosen")
    page.state_session_capacity = 2
    holder = Visits()
    holder.set_blocks(page)
    for name in ("first", "second"):
        holder[name][state_of(page)] = name
    return holder


def state_of(page: gr.Blocks) -> int:
    return next(key for key, block in page.blocks.items() if isinstance(block, gr.State))


def test_a_crowd_that_analyses_nothing_pushes_nobody_out(kept: Visits) -> None:
    state = state_of(kept.blocks)
    for number in range(MAX_UNUSED + 20):
        assert kept[f"call {number}"][state] == "chosen"
    assert kept["first"][state] == "first"
    assert len(kept.session_data) <= MAX_UNUSED + 3


def test_of_too_many_the_one_used_longest_ago_goes(kept: Visits) -> None:
    state = state_of(kept.blocks)
    assert kept["first"][state] == "first"
    kept["third"][state] = "third"
    assert kept["fourth"]
    assert set(kept.session_data) == {"first", "third", "fourth"}


def test_a_closed_page_is_forgotten_with_all_it_has(kept: Visits) -> None:
    run(visits.forget(kept, "first"))
    assert set(kept.session_data) == set(kept.time_last_used) == {"second"}


def test_a_visit_goes_on_after_its_connection_broke(kept: Visits) -> None:
    async def asked_again() -> None:
        ending = asyncio.create_task(visits.forget(kept, "first"))
        await asyncio.sleep(0)
        assert kept["first"]
        await ending

    run(asked_again())
    assert kept["first"][state_of(kept.blocks)] == "first"
