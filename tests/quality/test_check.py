import pytest

from tradepulse.quality.check import Check, markdown


@pytest.mark.parametrize(("seen", "failing", "passed"), [(5, 0, True), (5, 1, False), (0, 0, False)])
def test_a_check_that_saw_nothing_has_not_passed(seen, failing, passed):
    assert Check("promise", seen, failing).passed is passed


def test_checks_are_a_table_for_a_person():
    text = markdown([Check("rows", 1234, 0), Check("holes", 10, 2, "two missing")])

    assert text.splitlines()[2:] == ["| ok | rows | 1,234 | 0 |  |", "| **FAILED** | holes | 10 | 2 | two missing |"]
