from datetime import date

import pytest

from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.scenario import load_scenario, scenarios
from tradepulse.backtest.stress import stress_scenarios
from tradepulse.errors import ConfigError, UnknownName


@pytest.mark.parametrize("name", scenarios())
def test_each_shipped_scenario_says_what_happened_and_what_to_expect(name):
    scenario = load_scenario(name)

    assert scenario.name == name
    assert len(scenario.description.split()) > 8
    assert scenario.expected


def test_every_shipped_scenario_can_be_failed():
    assert stress_scenarios() == scenarios()
    assert len(scenarios()) >= 14


def test_a_file_of_one_s_own_may_set_costs_alone(tmp_path):
    path = tmp_path / "dear.yaml"
    path.write_text("description: dear\ncommission_bp: 7.5\n")

    scenario = load_scenario(str(path))

    assert scenario.costs(Costs(1, 2)) == Costs(7.5, 2)
    assert (scenario.start, scenario.end) == (None, None)


def test_dates_are_dates():
    assert load_scenario("financial_crisis").start == date(2007, 10, 31)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("description: x\ngap_pct: 3\n", r"x.yaml: unknown keys \['gap_pct'\]; a scenario takes"),
        ("start: 2008-01-02\n", "lacks the key 'description'"),
        ("description: x\nstart: soon\n", "start must be a date like 2008-09-02, not 'soon'"),
        ("description: x\ncommission_bp: dear\n", "commission_bp must be a number, not 'dear'"),
        ("description: x\ncommission_bp: true\n", "commission_bp must be a number, not True"),
        ("description: x\nslippage_bp: -1\n", "slippage_bp must lie between 0 and 10000, not -1"),
        ("description: x\nslippage_bp: .nan\n", "slippage_bp must lie between"),
        ("description: x\ndrawdown_of_holding: 15\n", "drawdown_of_holding must lie above 0 and up to 10, not 15"),
        ("description: x\nstart: 2009-01-02\nend: 2008-01-02\n", "start 2009-01-02 is not before end 2008-01-02"),
        (
            "description: x\nshocks: [{kind: meteor}]\n",
            "x.yaml: shock: no kind 'meteor'; there are flash_crash, gap_open",
        ),
        (
            "description: x\nshocks: [{kind: halt, days: 3}]\n",
            r"with kind and at, size, bars, not unknown keys \['days'\]",
        ),
        ("description: x\nshocks: [meteor]\n", "a shock is a mapping with kind and at, size, bars, not 'meteor'"),
        (
            "description: x\nshocks: [{kind: halt, at: 2}]\n",
            "x.yaml: shock halt: at must be a number from 0.0 to 0.99, not 2",
        ),
        ("description: x\nparticipation: 2\n", "participation must lie above 0 and up to 1, not 2"),
        ("- 1\n", "a scenario is a mapping"),
        ("a: [", "not readable as YAML"),
        ("", "a scenario is a mapping"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, text, words):
    path = tmp_path / "x.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=words) as refused:
        load_scenario(str(path))
    assert "\n" not in str(refused.value)


def test_an_unknown_name_shows_the_close_ones():
    with pytest.raises(UnknownName, match="No scenario named 'dotcom_crsh'; close matches: dotcom_crash"):
        load_scenario("dotcom_crsh")
