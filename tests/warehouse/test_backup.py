"""A backup taken while everything writes, and what is refused on the way back."""

import json
import shutil
import sqlite3
import threading

import pytest

from tradepulse.errors import ChecksumMismatch, ConfigError, MissingData
from tradepulse.warehouse.backup import MANIFEST, back_up, restore


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "var"
    (home / "lake" / "bars").mkdir(parents=True)
    (home / "lake" / "bars" / "2018.parquet").write_bytes(b"PAR1")
    (home / "lake" / "bars" / ".2019.parquet.77").write_bytes(b"half")
    (home / "mlflow" / "artifacts").mkdir(parents=True)
    with sqlite3.connect(home / "mlflow" / "mlflow.db") as db:
        db.execute("PRAGMA journal_mode = wal")
        db.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
    return home


def test_what_was_backed_up_is_restored_byte_for_byte(home, tmp_path):
    assert back_up(home, tmp_path / "backup") == 2
    shutil.rmtree(home)

    assert restore(tmp_path / "backup", home) == 2
    assert (home / "lake" / "bars" / "2018.parquet").read_bytes() == b"PAR1"
    assert (home / "mlflow" / "artifacts").is_dir()
    assert not list(home.rglob(".*"))


def test_a_database_is_copied_as_of_one_moment_while_it_is_written(home, tmp_path):
    """Two columns that are equal whenever a transaction ends are equal in every copy."""
    over = threading.Event()

    def write():
        with sqlite3.connect(home / "mlflow" / "mlflow.db", timeout=60) as db:
            number = 0
            while not over.is_set():
                number += 1
                db.execute("INSERT INTO pairs VALUES (?, 0)", [number])
                db.execute("UPDATE pairs SET b = a")
                db.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            back_up(home, tmp_path / str(number))
    finally:
        over.set()
        writer.join()

    counts = []
    for number in range(5):
        with sqlite3.connect(tmp_path / str(number) / "home" / "mlflow" / "mlflow.db") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("SELECT count(*) FROM pairs WHERE a <> b").fetchone() == (0,)
            counts.append(db.execute("SELECT count(*) FROM pairs").fetchone()[0])
    assert counts == sorted(counts)
    assert counts[-1] > 0


def test_what_is_not_whole_or_not_ours_is_refused_and_nothing_is_touched(home, tmp_path):
    backup = tmp_path / "backup"
    back_up(home, backup)
    with pytest.raises(ConfigError, match="exists; a backup is a new folder"):
        back_up(home, backup)
    with pytest.raises(ConfigError, match="lies in the instance"):
        back_up(home, home / "backup")
    with pytest.raises(MissingData, match="no instance at"):
        back_up(tmp_path / "nothing", tmp_path / "other")
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        restore(backup, home)
    with pytest.raises(MissingData, match="is no backup"):
        restore(home, tmp_path / "new")

    changed = backup / "home" / "lake" / "bars" / "2018.parquet"
    changed.write_bytes(b"PAR2")
    with pytest.raises(ChecksumMismatch, match=r"2018.parquet is not what was copied"):
        restore(backup, tmp_path / "new")
    changed.unlink()
    with pytest.raises(MissingData, match="gone from the backup"):
        restore(backup, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*"))
    assert json.loads((backup / MANIFEST).read_text())["home"] == str(home)


def test_a_copy_that_fails_leaves_nothing(home, tmp_path, monkeypatch):
    monkeypatch.setattr("tradepulse.warehouse.backup.shutil.copy2", lambda *_: (_ for _ in ()).throw(OSError("full")))

    with pytest.raises(OSError, match="full"):
        back_up(home, tmp_path / "backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["var"]
