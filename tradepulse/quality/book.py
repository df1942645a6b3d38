"""What should be true of a level-2 recording: nothing lost, nothing too early, and the book that the venue shows."""

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from tradepulse.core.book import Difference, OrderBook
from tradepulse.errors import SequenceGap
from tradepulse.ingestion.recording import Recording
from tradepulse.quality.check import Check


def examine_recording(recording: Recording) -> list[Check]:
    """Return the whole verdict on a recording.

    Parameters
    ----------
    recording : of one symbol
    """
    first = f"line {recording.malformed[0][0]}: {recording.malformed[0][1][:80]}" if recording.malformed else ""
    sizes = [one for one in recording.prints if not (one.price > 0 and one.size > 0)]
    return [
        Check("lines_are_messages", recording.lines, len(recording.malformed), first),
        Check("receipts_are_in_order", recording.lines - len(recording.malformed), recording.receipts_late),
        not_before_it_happened(recording.event_ns, recording.received_ns),
        *_book(recording),
        Check("trades_have_price_and_size", len(recording.prints), len(sizes)),
    ]


def not_before_it_happened(event_ns: npt.ArrayLike, received_ns: npt.ArrayLike) -> Check:
    """Say whether no message was received before the event that it tells of; if so, one of the clocks is wrong.

    Parameters
    ----------
    event_ns, received_ns : nanoseconds since 1970, shape (n,)
    """
    lead = np.asarray(event_ns) - np.asarray(received_ns)
    early = int((lead > 0).sum())
    detail = ""
    if early:
        detail = (
            f"received {np.median(lead) / 1e9:.2f} s before the event at the median, {lead.max() / 1e9:.2f} s at most: "
            "the receiving clock is behind the venue's"
        )
    return Check("nothing_is_received_before_it_happened", len(lead), early, detail)


def _book(recording: Recording) -> list[Check]:
    applied, gaps, crossed, unlike, compared = 0, [], 0, [], 0
    ids = [top.update_id for top in recording.tops]
    # The snapshot is asked for while differences already come in: those received before it and not in it still count.
    # Without a snapshot nothing can be rebuilt, and the checks below say that they saw nothing.
    book = next((item for item in recording.book if isinstance(item, OrderBook)), OrderBook(0))
    for item in recording.book if book.last_id else []:
        if isinstance(item, OrderBook):
            # A snapshot that tells nothing new would only throw away what has been rebuilt since.
            book = item if item.last_id > book.last_id else book
            continue
        try:
            if not book.apply(item):
                continue
        except SequenceGap as exc:
            gaps.append(str(exc))
            _resume(book, item)
            continue
        applied += 1
        top = book.top
        crossed += top is not None and top[0] >= top[2]
        # The venue's own best bid and offer as of this update: the newest one that is not newer, once a newer is there.
        at = bisect_right(ids, item.last_id) - 1
        if top is not None and 0 <= at < len(ids) - 1:
            compared += 1
            if top != recording.tops[at].best:
                unlike.append(f"update {item.last_id}: rebuilt {top}, the venue says {recording.tops[at].best}")
    return [
        Check("updates_follow_one_another", applied + len(gaps), len(gaps), gaps[0] if gaps else ""),
        Check("the_book_is_not_crossed", applied, crossed),
        Check("the_top_is_the_venue_s", compared, len(unlike), unlike[0] if unlike else ""),
    ]


def _resume(book: OrderBook, difference: Difference) -> None:
    """Go on after a gap, so that one loss is one finding."""
    book.last_id = difference.first_id - 1 if difference.previous_id is None else difference.previous_id
    book.started = True
    book.apply(difference)
