import json
import os
import struct
import subprocess
import sys
import time
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepulse.errors import JournalCorrupt
from tradepulse.execution.journal import Journal, Proof, ReadOnly, read_journal, verify_journal

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
    content, at = path.read_bytes(), 44
    follows, entries = crc32(content[:44]), []

    assert struct.unpack_from("<4sQ32s", content) == (b"TPJ\x02", 0, sha256(b"TPJ\x02").digest())
    while at < len(content):
        crc, length, before, behind, code = struct.unpack_from("<IIIIB", content, at)
        end = at + 17 + length
        assert (before, behind) == (follows, 0)
        assert crc == crc32(content[at + 4 : end])
        entries.append((code, content[at + 17 : end], at, end))
        follows, at = crc, end
    assert at == len(content)
    assert [json.loads(payload) for _, payload, _, _ in entries[:-1]] == [{"kind": "kind", "body": b} for b in BODIES]
    # The last one seals what stands before it; the hash goes on from that of the file before, here of none.
    start = sha256(b"TPJ\x02").digest()
    code, seal, at, _ = entries[-1]
    assert (code, seal) == (0, sha256(start + content[:at]).digest())
    assert read_journal(path)[0][-1].link == sha256(start + content[: entries[-2][3]]).hexdigest()
    assert verify_journal(path) == Proof(4, sha256(start + content).hexdigest(), 0)


def test_appending_goes_on_where_it_stopped(path):
    with Journal(path) as journal:
        journal.append("kind", n=4)
        head = journal.head

        assert read_journal(path)[0][-1].link == head
    assert [record.body["n"] for record in read_journal(path)[0]] == [1, 2, 3, 4]


def test_equal_histories_have_equal_heads_and_others_have_not(tmp_path):
    heads = []
    for name, numbers in (("a", [1, 2]), ("b", [1, 2]), ("c", [2, 1])):
        with Journal(tmp_path / name) as journal:
            for n in numbers:
                journal.append("kind", n=n)
            heads.append(journal.head)

    assert heads[0] == heads[1] != heads[2]


def ends_of(content):
    """Return where each record ends, the head of the file first."""
    ends = [44]
    while ends[-1] < len(content):
        ends.append(ends[-1] + 17 + struct.unpack_from("<I", content, ends[-1] + 4)[0])
    return ends


@pytest.mark.parametrize("zeros", [0, 100])
def test_a_record_cut_at_any_byte_is_cut_off_and_reported(path, zeros):
    """Also when the room reserved behind it is there, as it is when the process is killed."""
    whole = path.read_bytes()
    ends = ends_of(whole)
    for size in range(44, len(whole) + 1):
        path.write_bytes(whole[:size] + bytes(zeros))
        kept = sum(end <= size for end in ends) - 1
        torn = len(whole[ends[kept] : size].rstrip(b"\0"))

        records, found = read_journal(path)
        assert (len(records), found) == (min(kept, 3), torn)
        with Journal(path) as journal:
            assert (journal.count, journal.torn_bytes) == (kept, torn)
            journal.append("kind", n=99)
        assert verify_journal(path).torn_bytes == 0
        assert [r.body["n"] for r in read_journal(path)[0]] == [*[1, 2, 3][:kept], 99]


@pytest.mark.parametrize("size", [0, 1, 3, 43])
def test_a_journal_that_died_within_its_first_bytes_begins_anew(tmp_path, size):
    (tmp_path / "j").write_bytes(b"TPJ\x02".ljust(44, b"\0")[:size])
    with Journal(tmp_path / "j") as journal:
        journal.append("kind", n=1)

    assert len(read_journal(tmp_path / "j")[0]) == 1


def test_a_changed_byte_is_found_wherever_it_stands(path):
    whole = path.read_bytes()
    last = ends_of(whole)[-2]
    for at in range(len(whole)):
        for bit in (0x01, 0x80):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            # Damage to the last record cannot be told from a write that the machine died in; it is reported as torn.
            if _is_found(path):
                continue
            assert at >= last
            assert verify_journal(path).torn_bytes > 0


def _is_found(path):
    try:
        verify_journal(path)
    except JournalCorrupt:
        return True
    return False


def rebuilt(path, payloads):
    """Write records with right checksums, each following from the one before it."""
    content = path.read_bytes()[:44]
    follows = crc32(content)
    for code, payload in payloads:
        rest = struct.pack("<IIIB", len(payload), follows, 0, code) + payload
        follows = crc32(rest)
        content += struct.pack("<I", follows) + rest
    path.write_bytes(content)


def test_records_in_another_order_are_found(path):
    whole, ends = path.read_bytes(), ends_of(path.read_bytes())
    path.write_bytes(whole[:44] + whole[ends[1] : ends[2]] + whole[44 : ends[1]] + whole[ends[2] :])

    with pytest.raises(JournalCorrupt, match="record 0 does not follow from the one before it; it was changed"):
        read_journal(path)


def test_a_forged_record_with_a_right_checksum_is_found_by_the_next(path):
    whole, ends = path.read_bytes(), ends_of(path.read_bytes())
    rest = whole[48 : ends[1]].replace(b'"n":1', b'"n":7')
    path.write_bytes(whole[:44] + struct.pack("<I", crc32(rest)) + rest + whole[ends[1] :])

    with pytest.raises(JournalCorrupt, match="record 1 does not follow"):
        read_journal(path)


def test_a_journal_forged_with_all_checksums_right_is_found_by_its_seal(path):
    whole, ends = path.read_bytes(), ends_of(path.read_bytes())
    payloads = [whole[start + 17 : end] for start, end in pairwise(ends)]
    forged = [payloads[0].replace(b'"n":1', b'"n":7'), *payloads[1:]]
    rebuilt(path, zip([1, 1, 1, 0], forged, strict=True))

    with pytest.raises(JournalCorrupt, match="a record before seal 3 was changed"):
        read_journal(path)


def test_what_was_not_yet_durable_may_be_lost_although_later_records_are_there(path):
    """A power cut writes pages in any order: the later record says that the earlier was not known to be on the disk."""
    whole, ends = path.read_bytes(), ends_of(path.read_bytes())
    at = ends[1]
    rest = struct.pack("<IIIB", 5, struct.unpack_from("<I", whole, 44)[0], at - 44, 1) + b"later"
    later = struct.pack("<I", crc32(rest)) + rest
    path.write_bytes(whole[:70] + b"\0\0" + whole[72:at] + later)

    assert read_journal(path) == ([], at - 44 + len(later))


def test_a_damaged_journal_is_not_appended_to(path):
    whole = path.read_bytes()
    damaged = whole[:70] + b"\x00" + whole[71:]
    path.write_bytes(damaged)

    with pytest.raises(JournalCorrupt, match="record 0 is damaged; restore the file from a copy"):
        Journal(path)
    assert path.read_bytes() == damaged


def test_another_file_is_no_journal(tmp_path):
    (tmp_path / "x").write_bytes(b"PAR1 and so on")

    with pytest.raises(JournalCorrupt, match="does not begin as a TradePulse journal does"):
        read_journal(tmp_path / "x")
    with pytest.raises(JournalCorrupt, match="cannot be read"):
        read_journal(tmp_path / "none")


def test_a_payload_that_is_no_entry_is_found(path):
    rebuilt(path, [(1, b"[1]")])

    with pytest.raises(JournalCorrupt, match="record 0 is not a journal entry"):
        read_journal(path)


def test_a_record_is_on_the_disk_before_append_returns(tmp_path, monkeypatch):
    done = []
    with Journal(tmp_path / "j") as journal:
        monkeypatch.setattr(os, "fdatasync", lambda file: done.append(journal.end))
        journal.append("kind", n=1)

        assert done[-1] == journal.end > 44


@pytest.mark.parametrize("durability", ["os", "group", "each"])
def test_every_durability_writes_the_same(tmp_path, durability):
    with Journal(tmp_path / "j", durability) as journal:
        for n in range(2_000):
            journal.append("kind", n=n, text="x" * 40)
        journal.commit()
        assert journal.durable == journal.end

    assert [record.body["n"] for record in read_journal(tmp_path / "j")[0]] == list(range(2_000))
    assert verify_journal(tmp_path / "j").records > 2_000
    assert sorted(file.name for file in tmp_path.iterdir()) == ["j"]


def test_a_flusher_that_died_is_an_error_not_a_silence(tmp_path):
    journal = Journal(tmp_path / "j", "group")
    journal._flusher._process.kill()
    journal._flusher._process.wait()
    journal.append("kind", n=1)

    with pytest.raises(OSError, match="the flusher has died; what was appended may not be on the disk"):
        journal.commit()


def test_the_flusher_ends_with_its_writer(tmp_path):
    code = (
        "import os, sys, pathlib; from tradepulse.execution.journal import Journal;"
        "j = Journal(pathlib.Path(sys.argv[1]), 'group'); print(j._flusher._process.pid, flush=True);"
        "j.append('kind', n=1); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "j"], capture_output=True, text=True, check=False)
    flusher = int(done.stdout)

    for _ in range(200):
        if not Path(f"/proc/{flusher}").exists():
            break
        time.sleep(0.01)
    assert not Path(f"/proc/{flusher}").exists()
    assert [record.body for record in read_journal(tmp_path / "j")[0]] == [{"n": 1}]


# -- several files -----------------------------------------------------------------------------------------------------


def test_a_journal_goes_on_in_another_file(path):
    with Journal(path) as journal:
        journal.rotate()
        journal.append("kind", n=4)
        journal.rotate()
        journal.append("kind", n=5)
        head = journal.head

        assert read_journal(path)[0][-1].link == head
    assert [record.body["n"] for record in read_journal(path)[0]] == [1, 2, 3, 4, 5]
    # Three, their seal at closing, n=4 and the seal at rotating, n=5 and the seal at closing.
    assert [record.number for record in read_journal(path)[0]] == [0, 1, 2, 4, 6]
    assert verify_journal(path).records == 8


def test_what_a_snapshot_stands_for_is_not_replayed_and_may_go(path):
    with Journal(path) as journal:
        journal.append("kind", n=4)
        journal.rotate({"sum": 10}, keep=0)
        journal.append("kind", n=5)

        assert [json.loads(entry.payload)["body"] for entry in journal.raw()] == [{"state": {"sum": 10}}, {"n": 5}]
    assert [record.body for record in read_journal(path)[0]] == [{"state": {"sum": 10}}, {"n": 5}]
    # Three and a seal, n=4 and a seal, the snapshot, n=5 and a seal.
    assert verify_journal(path).records == 9


def test_a_large_snapshot_is_one_too(path):
    state = {"orders": ["x" * 40] * 1_000}
    with Journal(path) as journal:
        journal.rotate(state, keep=0)
        begin = journal.begin
        journal.append("kind", n=5)
        assert journal.end > begin > 40_000
        assert [json.loads(entry.payload)["body"] for entry in journal.raw()] == [{"state": state}, {"n": 5}]
    with Journal(path) as journal:
        assert journal.begin == begin
    assert verify_journal(path).torn_bytes == 0


def test_who_follows_a_journal_is_told_that_it_goes_on_elsewhere(path):
    reader = ReadOnly(path)
    assert len(list(reader.raw())) == 3
    with Journal(path) as journal:
        journal.append("kind", n=4)
        assert [json.loads(entry.payload)["body"] for entry in reader.news()] == [{"n": 4}]
        assert not reader.moved
        journal.rotate({"sum": 10})
        journal.append("kind", n=5)
        assert reader.moved
        assert [json.loads(entry.payload)["body"] for entry in reader.raw()] == [{"state": {"sum": 10}}, {"n": 5}]
        assert not reader.moved
        journal.append("kind", n=6)
        assert [json.loads(entry.payload)["body"] for entry in reader.news()] == [{"n": 6}]


def test_a_file_that_is_not_continued_is_found(path):
    with Journal(path) as journal:
        journal.rotate()
        journal.append("kind", n=4)
    older = path.with_name(path.name + ".000000")
    whole = older.read_bytes()

    older.write_bytes(whole[: ends_of(whole)[2]])  # its last records are gone, cleanly
    with pytest.raises(JournalCorrupt, match=r"orders\.journal: record 4 does not follow from the file before it"):
        verify_journal(path)
    older.unlink()
    with pytest.raises(JournalCorrupt, match="begins at record 4, and the files before it are gone"):
        verify_journal(path)


@pytest.mark.parametrize("renamed", [False, True])
def test_a_rotation_that_died_is_completed_or_undone(path, renamed):
    whole = path.read_bytes()
    with Journal(path) as journal:
        journal.rotate()
    if renamed:
        path.rename(path.with_name("orders.journal.next"))
    else:
        fresh = path.read_bytes()
        path.with_name("orders.journal.000000").rename(path)
        path.with_name("orders.journal.next").write_bytes(fresh)
        assert path.read_bytes() == whole
    with Journal(path) as journal:
        journal.append("kind", n=4)

    assert [record.body["n"] for record in read_journal(path)[0]] == [1, 2, 3, 4]
    assert verify_journal(path).torn_bytes == 0
    assert not path.with_name("orders.journal.next").exists()


def test_a_file_of_version_1_is_read_and_continued(tmp_path):
    path, content, chain = tmp_path / "j", b"TPJ\x01", sha256(b"TPJ\x01").digest()
    for body in BODIES:
        payload = json.dumps({"kind": "kind", "body": body}, sort_keys=True, separators=(",", ":")).encode()
        chain = sha256(chain + payload).digest()
        content += struct.pack(">II32s", len(payload), crc32(payload), chain) + payload
    path.write_bytes(content + b"\0\0\0\x09torn")

    records, torn = read_journal(path)
    assert ([record.body for record in records], records[-1].link, torn) == (BODIES, chain.hex(), 8)
    with Journal(path) as journal:
        assert (journal.torn_bytes, journal.count) == (8, 3)
        journal.append("kind", n=4)
    assert [record.body for record in read_journal(path)[0]] == [*BODIES, {"n": 4}]
    assert [record.number for record in read_journal(path)[0]] == [0, 1, 2, 3]
    assert verify_journal(path).records == 5

    older = path.with_name("j.000000")
    older.write_bytes(older.read_bytes().replace(b'"n":1', b'"n":7'))
    with pytest.raises(JournalCorrupt, match="record 0 is damaged"):
        verify_journal(path)


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
