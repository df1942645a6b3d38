import json
import os
import struct
from hashlib import sha256
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepulse.errors import JournalCorrupt
from tradepulse.execution.journal import Journal, read_journal

BODIES = [{"n": 1}, {"n": 2, "text": "ä"}, {"n": 3, "deep": {"a": [1, 2]}}]


@pytest.fixture
def path(tmp_path):
    with Journal(tmp_path / "book" / "orders.journal") as journal:
        for body in BODIES:
            journal.append("kind", **body)
    return tmp_path / "book" / "orders.journal"


def test_what_was_appended_is_read_back(path):
    records, torn = read_journal(path)

    assert [record.body for record in records] == BODIES
    assert [record.number for record in records] == [0, 1, 2]
    assert torn == 0


def test_the_file_is_what_the_format_says(path):
    """Read with nothing but struct, zlib and hashlib, as another program would."""
    content, at, chain = path.read_bytes(), 4, sha256(b"TPJ\x01").digest()

    assert content[:4] == b"TPJ\x01"
    for body in BODIES:
        length, crc, link = struct.unpack_from(">II32s", content, at)
        payload = content[at + 40 : at + 40 + length]
        chain = sha256(chain + payload).digest()
        assert (crc, link) == (crc32(payload), chain)
        assert json.loads(payload) == {"kind": "kind", "body": body}
        at += 40 + length
    assert at == len(content)
    assert read_journal(path)[0][-1].link == chain.hex()


def test_appending_goes_on_where_it_stopped(path):
    with Journal(path) as journal:
        journal.append("kind", n=4)
        head = journal.head

    records, _ = read_journal(path)
    assert [record.body["n"] for record in records] == [1, 2, 3, 4]
    assert records[-1].link == head


def test_equal_histories_have_equal_heads_and_others_have_not(tmp_path):
    heads = []
    for name, numbers in (("a", [1, 2]), ("b", [1, 2]), ("c", [2, 1])):
        with Journal(tmp_path / name) as journal:
            for n in numbers:
                journal.append("kind", n=n)
            heads.append(journal.head)

    assert heads[0] == heads[1] != heads[2]


def test_a_record_cut_at_any_byte_is_cut_off_and_reported(path):
    whole = path.read_bytes()
    ends = [4]
    for _ in BODIES:
        ends.append(ends[-1] + 40 + struct.unpack_from(">I", whole, ends[-1])[0])
    for size in range(4, len(whole) + 1):
        path.write_bytes(whole[:size])
        kept = sum(end <= size for end in ends) - 1

        records, torn = read_journal(path)
        assert (len(records), torn) == (kept, size - ends[kept])
        with Journal(path) as journal:
            assert (len(journal.records), journal.torn_bytes) == (kept, size - ends[kept])
            journal.append("kind", n=99)
        assert read_journal(path)[1] == 0
        assert [r.body["n"] for r in read_journal(path)[0]] == [*[1, 2, 3][:kept], 99]


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_journal_that_died_within_its_first_bytes_begins_anew(tmp_path, size):
    (tmp_path / "j").write_bytes(b"TPJ\x01"[:size])
    with Journal(tmp_path / "j") as journal:
        journal.append("kind", n=1)

    assert len(read_journal(tmp_path / "j")[0]) == 1


def test_a_changed_byte_is_found_wherever_it_stands(path):
    whole = path.read_bytes()
    last = len(whole) - 40 - struct.unpack_from(">I", whole, 4)[0]
    for at in range(len(whole)):
        for bit in (0x01, 0x80):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            # Damage to the last record cannot be told from a write that the machine died in; it is reported as torn.
            if _is_found(path):
                continue
            records, torn = read_journal(path)
            assert at >= last - 64
            assert torn > 0
            assert len(records) == 2


def _is_found(path):
    try:
        read_journal(path)
    except JournalCorrupt:
        return True
    return False


def test_records_in_another_order_are_found(path):
    whole = path.read_bytes()
    first = 4 + 40 + struct.unpack_from(">I", whole, 4)[0]
    second = first + 40 + struct.unpack_from(">I", whole, first)[0]
    path.write_bytes(whole[:4] + whole[first:second] + whole[4:first] + whole[second:])

    with pytest.raises(JournalCorrupt, match="record 0 does not follow from the one before it; it was changed"):
        read_journal(path)


def test_a_forged_record_with_a_right_checksum_is_found(path):
    whole = path.read_bytes()
    length, _, link = struct.unpack_from(">II32s", whole, 4)
    payload = whole[44 : 44 + length].replace(b'"n":1', b'"n":7')
    path.write_bytes(whole[:4] + struct.pack(">II32s", length, crc32(payload), link) + payload + whole[44 + length :])

    with pytest.raises(JournalCorrupt, match="record 0 does not follow"):
        read_journal(path)


def test_a_damaged_journal_is_not_appended_to(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:50] + b"\x00" + whole[51:])

    with pytest.raises(JournalCorrupt, match="record 0 is damaged; restore the file from a copy"):
        Journal(path)
    assert path.read_bytes() == whole[:50] + b"\x00" + whole[51:]


def test_another_file_is_no_journal(tmp_path):
    (tmp_path / "x").write_bytes(b"PAR1 and so on")

    with pytest.raises(JournalCorrupt, match="does not begin as a TradePulse journal does"):
        read_journal(tmp_path / "x")
    with pytest.raises(JournalCorrupt, match="cannot be read"):
        read_journal(tmp_path / "none")


def test_a_payload_that_is_no_entry_is_found(tmp_path):
    payload = b"[1]"
    chain = sha256(sha256(b"TPJ\x01").digest() + payload).digest()
    (tmp_path / "j").write_bytes(b"TPJ\x01" + struct.pack(">II32s", len(payload), crc32(payload), chain) + payload)

    with pytest.raises(JournalCorrupt, match="record 0 is not a journal entry"):
        read_journal(tmp_path / "j")


def test_a_record_is_on_the_disk_before_append_returns(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fdatasync", lambda file: done.append(os.fstat(file).st_size))
    with Journal(tmp_path / "j") as journal:
        journal.append("kind", n=1)

        assert done[-1] == (tmp_path / "j").stat().st_size


def test_nan_cannot_be_journaled(tmp_path):
    with Journal(tmp_path / "j") as journal, pytest.raises(ValueError, match="not JSON compliant"):
        journal.append("kind", n=float("nan"))

    assert read_journal(tmp_path / "j") == ([], 0)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v, max_size=3), max_leaves=5
)


@given(st.lists(st.dictionaries(st.text(min_size=1).filter(lambda k: k not in {"self", "kind"}), values, max_size=3)))
def test_any_facts_survive(tmp_path_factory, bodies):
    path = tmp_path_factory.mktemp("journal") / "j"
    with Journal(path) as journal:
        for body in bodies:
            journal.append("kind", **body)

    assert [record.body for record in read_journal(path)[0]] == bodies
