from datetime import date

import pytest

from tradepulse.errors import ConfigError
from tradepulse.finops.prices import load_prices

ENTRY = "- from: {}\n  cpu_usd_per_hour: {}\n  memory_usd_per_gib_hour: 0.005\n  written_usd_per_gib: 0.02\n"


@pytest.fixture
def book(tmp_path):
    def write(text):
        (tmp_path / "prices.yaml").write_text(text)
        return load_prices(tmp_path / "prices.yaml")

    return write


def test_a_new_price_leaves_the_past_as_it_was(book):
    before = book(ENTRY.format("2020-01-01", "0.04"))
    after = book(ENTRY.format("2020-01-01", "0.04") + ENTRY.format("2021-01-01", "0.05"))

    assert (
        after.price_nano_usd("cpu", date(2020, 12, 31))
        == before.price_nano_usd("cpu", date(2020, 12, 31))
        == 40_000_000
    )
    assert after.price_nano_usd("cpu", date(2021, 1, 1)) == 50_000_000
    assert after.version != before.version


def test_a_day_before_the_first_price_has_no_price(book):
    with pytest.raises(ConfigError, match="begins on 2020-01-01, after 2019-12-31; add an entry"):
        book(ENTRY.format("2020-01-01", "0.04")).price_nano_usd("cpu", date(2019, 12, 31))


def test_the_shipped_book_prices_every_meter():
    assert {
        load_prices().price_nano_usd(meter, date(2026, 1, 1)) > 0 for meter in ("cpu", "gpu", "memory", "written")
    } == {True}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a price book is a list of entries"),
        ("a: 1", "a price book is a list of entries"),
        ("- [", "no readable price book"),
        ("- from: 2020-01-01\n", "entry 1 must have 'from'"),
        (ENTRY.format("soon", "0.04"), "entry 1 must have 'from' \\(a date\\)"),
        (ENTRY.format("2020-01-01", "dear"), "cpu_usd_per_hour is no number: 'dear'"),
        (ENTRY.format("2020-01-01", "-1"), "must be a price of at most nine decimals, not -1"),
        (ENTRY.format("2020-01-01", ".nan"), "must be a price"),
        (ENTRY.format("2020-01-01", '"0.00000000001"'), "at most nine decimals"),
        (ENTRY.format("2020-01-01", "0.04") * 2, "in order of 'from', each day once"),
        (ENTRY.format("2021-01-01", "1") + ENTRY.format("2020-01-01", "1"), "in order of 'from'"),
    ],
)
def test_a_bad_book_is_refused_in_one_line(book, text, words):
    with pytest.raises(ConfigError, match=words) as refused:
        book(text)
    assert "\n" not in str(refused.value)


def test_an_absent_book_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml: no readable price book"):
        load_prices(tmp_path / "none.yaml")


def test_what_was_used_without_a_price_is_asked_for(book):
    with pytest.raises(ConfigError, match="no price of gpu on 2020-02-01; add gpu_usd_per_hour to its entry"):
        book(ENTRY.format("2020-01-01", "0.04")).price_nano_usd("gpu", date(2020, 2, 1))
    with_gpu = book(ENTRY.format("2020-01-01", "0.04") + "  gpu_usd_per_hour: 2.5\n")
    assert with_gpu.price_nano_usd("gpu", date(2020, 2, 1)) == 2_500_000_000
