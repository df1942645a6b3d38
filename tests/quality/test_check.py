import pytest

from tradepulse.quality.check import Check, markdown


@pytest.mark.parametrize(("seen", "failing", "passed"), [(5, 0, True), (5, 1, False), (0, 0, False)])
def test_a_check_that_saw_nothing_has_not_passed(seen, failing, passed):
    assert Check("promise", seen, failing).passed is passed


def test_checks_are_a_table_for_a_person():
    text = markdown([Check("rows", 1234, 0), Check("holes", 10, 2, "two missing")])

    assert text.splitlines()[2:] == ["| **FAILED** | holes | 10 | 2 | two missing |", "| ok | rows | 1,234 | 0 |  |"]


def test_what_failed_stands_first_and_what_is_ok_is_counted():
    checks = [Check(f"fine {n}", 10, 0) for n in range(40)]
    checks[30] = Check("broken", 10, 3, "by a tenth")
    checks[20] = Check("odd", 10, 1, advisory=True)

    lines = markdown(checks).splitlines()

    assert lines[2:4] == ["| **FAILED** | broken | 10 | 3 | by a tenth |", "| **look** | odd | 10 | 1 |  |"]
    assert len(lines) == 2 + 12 + 2
    assert lines[-1] == "and 28 more, all of them ok"
    bad = markdown([Check(f"bad {n}", 10, 1) for n in range(40)]).splitlines()
    assert len(bad) == 42
