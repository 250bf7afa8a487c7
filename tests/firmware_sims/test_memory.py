import asyncio

from firmware_sims.memory import RecordMemory
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.integers(), unique=True), st.integers(min_value=1, max_value=5))
def test_a_full_memory_keeps_the_newest(records: list[int], capacity: int) -> None:
    memory: RecordMemory[int] = RecordMemory(capacity)

    for record in records:
        memory.keep(record)

    assert list(memory) == records[-capacity:]


def test_forgetting_a_record_that_was_overwritten_is_no_news() -> None:
    memory: RecordMemory[str] = RecordMemory(1)
    memory.keep("first")
    memory.keep("second")

    memory.forget("first")

    assert list(memory) == ["second"]


async def test_a_wait_ends_when_a_record_makes_its_condition_true() -> None:
    memory: RecordMemory[str] = RecordMemory(4)
    waiting = asyncio.create_task(memory.until(lambda held: len(held) == 2))
    memory.keep("first")
    await asyncio.sleep(0)
    memory.keep("second")

    await waiting

    assert len(memory) == 2
