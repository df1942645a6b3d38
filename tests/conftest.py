"""What every test may ask for: real bars, small bars, an empty home, and one whole run of the chain."""

import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
#: Real market data that is not part of the project; tests that want it skip where it is absent.
SHARED_DATA = ROOT.parent / "shared" / "data"

# In CI the examples are the same each time, so that a change is judged by what it changes; elsewhere they are new ones.
settings.register_profile(
    "default",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("default")

# Tests reach into the order path, which they can while it is Python.
os.environ["TRADEPULSE_NATIVE"] = "off"
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "true")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    # The whole run takes more than a minute. The first test that needs it goes first, and those beside it wait until
    # the other worker has done what else is slow: so none waits for the run, nor is left alone with them at the end.
    # Those of a file stay together, since they share servers.
    using = [item for item in items if "whole_run" in item.fixturenames]
    for item in using[1:]:
        item.add_marker(pytest.mark.xdist_group(f"whole_run {item.path.name}"))
    later, first = set(using[1:]), using[:1]
    items.sort(key=lambda item: 0 if item in first else 2 if item in later else 1 if "slow" in item.keywords else 3)


@pytest.fixture(scope="session")
def nasdaq() -> pd.DataFrame:
    """Every Nasdaq bar of the embedded source, 1999 to 2018."""
    from tradepulse.ingestion.arch import ArchSource

    bars = ArchSource().bars(date(1999, 1, 4), date(2018, 12, 31)).accepted
    return bars[bars["symbol"] == "NASDAQ"].reset_index(drop=True)


@pytest.fixture
def shared_data() -> Path:
    """Folder of the market data that is not committed."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the open data set is not at {SHARED_DATA}; docs/data.md says what it is")
    return SHARED_DATA


@dataclass(frozen=True)
class WholeRun:
    """A finished ``make run`` in a folder of its own."""

    home: Path
    reports: Path
    output: str


def make_run(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``make run`` with all its state under a folder."""
    places = {"TRADEPULSE_HOME": str(folder / "var"), "TRADEPULSE_REPORTS": str(folder / "reports")}
    return subprocess.run(
        ["make", "--no-print-directory", "run"],
        cwd=ROOT,
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory, worker_id) -> WholeRun:
    """``make run``, once for all workers together."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder = shared / "whole_run"
    with (shared / "whole_run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        log = folder / "output.txt"
        if not log.exists():
            folder.mkdir()
            done = make_run(folder)
            log.write_text(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    output = log.read_text()
    assert output.startswith("exit 0\n"), output
    return WholeRun(folder / "var", folder / "reports", output)


@pytest.fixture(scope="session")
def broken_checkout(tmp_path_factory) -> Path:
    """A copy of the code in which the SMA is off by one part in a thousand."""
    folder = tmp_path_factory.mktemp("broken")
    for name in ("tradepulse", "tradepulse_assets", "tradepulse_jobs", "data", "expectations", "deploy"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "tradepulse" / "core" / "indicators" / "sma.py"
    right = "return rolling_mean(close, window)"
    text = path.read_text()
    assert text.count(right) == 1
    path.write_text(text.replace(right, f"{right} * 1.001"))
    return folder


@contextmanager
def _on_loopback(exchange, monkeypatch, prefix, broker, **variables):
    """Let the environment name an exchange as the account's, and others display something there."""
    for name, value in variables.items():
        monkeypatch.setenv(f"{prefix}_{name}", value)
    monkeypatch.setattr(broker, "TIMEOUT", 1.0)
    exchange.display(buy={"99.00": "5", "98.50": "3"}, sell={"101.00": "4", "101.50": "6"})
    try:
        yield exchange
    finally:
        exchange.close()


@pytest.fixture
def binance(httpserver, monkeypatch, hurried):
    """Binance on loopback."""
    pytest.importorskip("ccxt")
    from tests.execution.binance import KEY, SECRET, Binance
    from tradepulse.execution.brokers import ccxt

    exchange = Binance(httpserver)
    url = f"http://127.0.0.1:{httpserver.port}"
    named = {"EXCHANGE": "binance", "KEY": KEY, "SECRET": SECRET, "URL": url, "WS_URL": exchange.streams}
    with _on_loopback(exchange, monkeypatch, "TRADEPULSE_CCXT", ccxt, **named):
        yield exchange


@pytest.fixture
def binanceus(binance, monkeypatch):
    """Another exchange on loopback beside :func:`binance`; neither has a sandbox that is of use here."""
    from pytest_httpserver import HTTPServer

    from tests.execution.binance import KEY, SECRET, Binance

    with HTTPServer(host="127.0.0.1") as http:
        exchange = Binance(http)
        named = {"KEY": KEY, "SECRET": SECRET, "URL": f"http://127.0.0.1:{http.port}", "WS_URL": exchange.streams}
        for name, value in named.items():
            monkeypatch.setenv(f"TRADEPULSE_CCXT_BINANCEUS_{name}", value)
        monkeypatch.setenv("TRADEPULSE_CCXT_LIVE", "yes")
        exchange.display(buy={"98.90": "5", "98.50": "3"}, sell={"100.50": "2", "101.50": "6"})
        try:
            yield exchange
        finally:
            exchange.close()


@pytest.fixture
def alpaca(httpserver, monkeypatch, hurried):
    """Alpaca on loopback."""
    pytest.importorskip("alpaca")
    from tests.execution.alpaca import KEY, SECRET, Alpaca
    from tradepulse.execution.brokers import alpaca

    exchange = Alpaca(httpserver)
    streams = {"DATA_STREAM_URL": exchange.streams, "STREAM_URL": exchange.streams.replace("market", "stream")}
    named = {"KEY_ID": KEY, "SECRET_KEY": SECRET, "BASE_URL": f"http://127.0.0.1:{httpserver.port}", **streams}
    with _on_loopback(exchange, monkeypatch, "APCA_API", alpaca, **named):
        yield exchange


@pytest.fixture
def hurried(monkeypatch):
    """A gateway that waits less."""
    from tradepulse.execution import dealing
    from tradepulse.execution.brokers import asking

    monkeypatch.setattr(asking, "LONGEST", 0.2)
    monkeypatch.setattr(dealing, "SETTLED", 1.0)
    monkeypatch.setattr(dealing, "LOOK", 0.3)
