import pytest

from tests.ingestion.recordings import WHOLE, write
from tradepulse.core.book import Difference, OrderBook
from tradepulse.errors import UnreadableFile
from tradepulse.ingestion.recording import load_recording


def test_messages_are_sorted_into_what_they_tell(tmp_path):
    recording = load_recording(write(tmp_path / "a.gz", WHOLE))

    assert recording.lines == 10
    assert [type(item) for item in recording.book] == [Difference, Difference, OrderBook, Difference, Difference]
    assert [(one.price, one.size) for one in recording.prints] == [(10.0, 0.5)]
    assert [top.update_id for top in recording.tops] == [11, 14, 19, 21]
    assert len(recording.event_ns) == 5  # neither the snapshot nor the best bid and offer of spot carries a time
    assert recording.malformed == []


def test_plain_text_is_read_as_well(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(WHOLE))

    assert load_recording(tmp_path / "a.txt").lines == 10


@pytest.mark.parametrize(
    "bad", ["", "nonsense", "5 {", '5 {"stream":"x@unknown","data":{}}', '5 {"stream":"x@trade"}', "x {}"]
)
def test_a_line_that_is_no_message_is_kept_by_number_and_text(tmp_path, bad):
    recording = load_recording(write(tmp_path / "a.gz", [*WHOLE[:3], bad, *WHOLE[3:]]))

    assert recording.malformed == [(4, bad)]
    assert recording.lines == 11


def test_a_torn_file_and_another_file_are_refused_in_one_line(tmp_path):
    whole = write(tmp_path / "a.gz", WHOLE).read_bytes()
    (tmp_path / "torn.gz").write_bytes(whole[:-20])
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")

    for name, words in (("torn.gz", "cannot be read"), ("other.csv", "no line reads"), ("none.gz", "cannot be read")):
        with pytest.raises(UnreadableFile, match=words) as refused:
            load_recording(tmp_path / name)
        assert "\n" not in str(refused.value)
