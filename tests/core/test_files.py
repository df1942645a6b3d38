import os

import pytest

from tradepulse.core.files import replace_text


def test_a_file_is_replaced_whole_and_its_folder_made(tmp_path):
    path = tmp_path / "new" / "page.html"

    assert replace_text(path, "first") == path
    replace_text(path, "second")

    assert path.read_text() == "second"
    assert [one.name for one in path.parent.iterdir()] == ["page.html"]


@pytest.mark.parametrize("broken", ["write", "rename"])
def test_what_fails_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch, broken):
    path = replace_text(tmp_path / "page.html", "first")

    def full(*_):
        raise OSError(28, "No space left on device")

    if broken == "rename":
        monkeypatch.setattr(os, "replace", full)
    with pytest.raises((OSError, UnicodeError)):
        replace_text(path, "second" if broken == "rename" else "second \ud800")

    assert path.read_text() == "first"
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]
