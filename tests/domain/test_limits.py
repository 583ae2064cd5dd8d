"""Who has to go so that somebody fits in."""

from hypothesis import given
from hypothesis import strategies as st

from ostiary.domain.limits import RECORD_CAP, surplus

IDS = st.lists(st.integers(0, 999).map(str), unique=True, max_size=2 * RECORD_CAP)


@given(there=IDS, arriving=st.integers(0, 999).map(str), exclusive=st.booleans())
def test_afterwards_there_is_room_and_nobody_leaves_in_vain(
    *, there: list[str], arriving: str, exclusive: bool
) -> None:
    """Covers W9, W8: at most the cap, the oldest leave, the one that arrives stays."""
    leaving = surplus(there, arriving=arriving, exclusive=exclusive)
    others = [item for item in there if item != arriving]
    assert list(leaving) == others[: len(leaving)]  # the oldest, in their order
    left = len(others) - len(leaving) + 1
    most = 1 if exclusive else RECORD_CAP
    assert left <= most
    if leaving:
        assert left == most


def test_the_hundred_and_first_pushes_one_out() -> None:
    """Covers W9."""
    there = [str(n) for n in range(100)]
    assert surplus(there[:99], arriving="new", exclusive=False) == ()
    assert surplus(there, arriving="new", exclusive=False) == ("0",)
    assert surplus(there, arriving="0", exclusive=False) == ()


def test_exclusive_means_alone() -> None:
    assert surplus(["a", "b"], arriving="b", exclusive=True) == ("a",)
    assert surplus(["b"], arriving="b", exclusive=True) == ()
    assert surplus([], arriving="b", exclusive=True) == ()
