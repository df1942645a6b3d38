"""The flusher of a journal: a process of its own that puts on the disk what was appended, and says how far it is.

A thread would not do: it gets the interpreter only when the order path lets go of it, which is when nothing happens.
The two processes share a file of two numbers, up to where the journal is written and up to where it is durable.
"""

import contextlib
import mmap
import os
import struct
import sys
import time

#: Up to where the journal is written, and up to where it is durable; in the order of bytes that a memoryview reads.
_MARK = struct.Struct("=QQ")
#: Said with the first of them when no more will be written.
_CLOSING = 1 << 63
#: Nothing to do for so many looks in a row, the flusher looks less often.
_IDLE = 2_000


class Flusher:
    """The writer's end of the flusher.

    Parameters
    ----------
    file : descriptor of the journal
    path : of the journal; the mark stands beside it
    at : up to where it is durable now
    """

    def __init__(self, file: int, path: "os.PathLike[str]", at: int) -> None:
        import subprocess

        self._name = os.fspath(path) + ".mark"
        with open(self._name, "wb") as mark:  # noqa: PTH123  pathlib would double the flusher's start
            mark.write(_MARK.pack(at, at))
        self._mark = _open_mark(self._name)
        self._both = memoryview(self._mark).cast("Q")
        # The journal's descriptor is handed on, so that a journal that is renamed is still the one that is flushed.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(file), self._name, str(os.getpid())], pass_fds=[file]
        )

    def written(self, end: int) -> None:
        """Tell that the journal is written up to an offset."""
        self._both[0] = end

    @property
    def durable(self) -> int:
        """Up to where the journal survives the machine's death."""
        return self._both[1]

    def wait(self, end: int) -> None:
        """Wait until an offset is durable.

        Raises
        ------
        OSError
            If the flusher has died: nobody knows what is on the disk.
        """
        while self.durable < end:
            if self._process.poll() is not None:
                raise OSError(f"{self._name}: the flusher has died; what was appended may not be on the disk")
            time.sleep(0.0001)

    def close(self) -> None:
        """End the flusher after what was written is durable."""
        self._both[0] |= _CLOSING
        self._process.wait()
        self._both.release()
        self._mark.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._name)  # noqa: PTH108


def _open_mark(name: str) -> mmap.mmap:
    with open(name, "r+b") as mark:  # noqa: PTH123
        return mmap.mmap(mark.fileno(), _MARK.size)


def flush(file: int, name: str, parent: int) -> None:
    """Flush a journal until its writer closes it or dies."""
    both, idle = memoryview(_open_mark(name)).cast("Q"), 0
    while True:
        said = both[0]
        closing, written = bool(said & _CLOSING), said & ~_CLOSING
        if written > both[1]:
            os.fdatasync(file)
            both[1] = written
            idle = 0
        elif closing or os.getppid() != parent:
            return
        else:
            idle += 1
            time.sleep(0.00005 if idle < _IDLE else 0.001)


if __name__ == "__main__":
    flush(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
