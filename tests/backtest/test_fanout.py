"""A sweep on a real Ray cluster of two workers: the same answers as on one machine, also when a worker dies."""

import pandas as pd
import pytest

from tests.property.generators import random_walk
from tradepulse.backtest.fanout import LEAST, Cluster
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.research import questions, sweep
from tradepulse.errors import ClusterLost, ConfigError, UnusableOpens
from tradepulse.interfaces.cli.main import run
from tradepulse.warehouse.lake import Lake

pytestmark = pytest.mark.slow
NODE = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": 100_000_000, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster():
    """A head that works on nothing, and two workers of one core; a handle on it, with its address."""
    with pytest.MonkeyPatch.context() as patch:
        # Otherwise Ray looks for an address that other machines reach, and listens on all.
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        from ray.cluster_utils import Cluster as Local

        local = Local(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
        for _ in range(2):
            local.add_node(**NODE)
        local.wait_for_nodes()
        yield local
        local.shutdown()


def ask(bars, fast=range(2, 40), slow=range(40, 70), costs=None):
    grids = {"sma_cross": {"fast": tuple(fast), "slow": tuple(slow)}}
    return questions(bars, grids, quantity=10, cash=1e6, costs=costs or Costs(1, 2))


def test_two_workers_answer_what_one_machine_answers(cluster):
    bars, spent = random_walk(11, 1_500), []
    asked = ask(bars)
    assert len(asked) > 4 * LEAST  # several parts for each worker

    found = Cluster(cluster.address, spent.append).sweep(bars, asked)

    pd.testing.assert_frame_equal(found, sweep(bars, asked), check_exact=True)
    assert spent[0] > 0


def test_a_worker_that_dies_in_the_middle_loses_nothing(cluster, monkeypatch):
    bars = random_walk(12, 2_000)
    asked = ask(bars)
    dying = cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    import ray

    get = ray.get
    # Tasks are on their way to all three when one of them is killed.
    monkeypatch.setattr(ray, "get", lambda pending: (cluster.remove_node(dying, allow_graceful=False), get(pending))[1])

    found = Cluster(cluster.address, lambda _: None).sweep(bars, asked)

    pd.testing.assert_frame_equal(found, sweep(bars, asked), check_exact=True)


def test_what_a_worker_refuses_is_said_in_its_own_words(cluster):
    bars = random_walk(13, 60)
    asked = ask(bars, [3], [9])

    with pytest.raises(UnusableOpens, match="60 of 60 opens"):
        Cluster(cluster.address, lambda _: None).sweep(bars.assign(open_is_stale=True), asked)


def test_a_worker_with_another_version_of_a_strategy_is_not_believed(cluster, monkeypatch):
    from tradepulse.core.strategies.sma_cross import SmaCross

    bars = random_walk(14, 60)
    monkeypatch.setattr(SmaCross, "version", "another")

    with pytest.raises(ConfigError, match="a worker has sma_cross@1, here is sma_cross@another; install the same"):
        Cluster(cluster.address, lambda _: None).sweep(bars, ask(bars, [3], [9]))


def test_the_command_asks_the_cluster_and_pays_for_it(cluster, tmp_path, capsys):
    bars = random_walk(15, 400)
    bars.to_parquet(tmp_path / "bars.parquet")
    command = [
        "--home", str(tmp_path / "var"), "backtest", "sweep", "--bars", str(tmp_path / "bars.parquet"), "--strategy",
        "sma_cross", "--param", "fast=2:9", "--param", "slow=10:13",
    ]  # fmt: skip

    assert run([*command, "--ray", cluster.address]) == 0

    assert "32 trials, all of them in the ledger" in capsys.readouterr().out
    asked = questions(
        bars, {"sma_cross": {"fast": tuple(range(2, 10)), "slow": tuple(range(10, 14))}}, quantity=100, cash=1e6,
        costs=Costs(),
    )  # fmt: skip
    ledger = Lake(tmp_path / "var" / "lake").read("trials")
    assert sorted(ledger["total_return"]) == sorted(sweep(bars, asked)["total_return"])


def test_where_nothing_answers_one_line_says_so():
    bars = random_walk(16, 60)

    with pytest.raises(ClusterLost, match=r"no Ray cluster answers at 127\.0\.0\.1:9 .*ray start --head"):
        Cluster("127.0.0.1:9", lambda _: None).sweep(bars, ask(bars, [3], [9]))


@pytest.mark.parametrize("address", ["auto", "127.0.0.1", "127.0.0.1:head", ":6379"])
def test_an_address_is_a_host_and_a_port(address):
    bars = random_walk(16, 60)

    with pytest.raises(ConfigError, match="Ray's address is host:port"):
        Cluster(address, lambda _: None).sweep(bars, ask(bars, [3], [9]))
