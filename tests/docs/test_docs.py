"""What the documents say is true: paths exist, derived pages are fresh, names are known."""

import re
import subprocess
from importlib import import_module
from pkgutil import walk_packages

import pytest

import tradepulse
from scripts.build_reference import DERIVED
from scripts.licences import packages
from tests.conftest import ROOT
from tradepulse.errors import TradePulseError
from tradepulse.interfaces.cli.main import GROUPS

PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tradepulse").rglob("*.md"))
    if "node_modules" not in path.parts
)


def rows(page, heading=None):
    text = (ROOT / page).read_text()
    if heading:
        text = text.split(heading)[1]
    found = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    return [row for row in found if not set("".join(row)) <= {"-"}][1:]


def test_the_plan_map_has_every_initiative_once():
    numbers = [row[0] for row in rows("docs/plan_map.md") if re.fullmatch(r"\d+\.\d", row[0])]

    assert numbers == [f"{section}.{item}" for section in range(1, 14) for item in (1, 2, 3)]


def test_each_initiative_is_somewhere_or_not_yet_and_each_path_exists():
    for number, _, where, missing in (r for r in rows("docs/plan_map.md") if re.fullmatch(r"\d+\.\d", r[0])):
        paths = [p for p in re.findall(r"`([\w./-]+)`", where) if "/" in p or "." in p or p in {"Makefile", "scripts"}]
        assert paths or where == "not yet", number
        assert [p for p in paths if not (ROOT / p).exists()] == [], number
        assert where != "not yet" or "`" not in missing, number


def test_paths_that_the_plan_names_exist_where_the_map_says():
    for named, here in rows("docs/plan_map.md", "## Paths that the plan names"):
        for path in re.findall(r"`([\w./-]+)`", here):
            assert (ROOT / path).exists(), named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("path", DERIVED, ids=lambda path: path.name)
def test_derived_files_are_fresh(path):
    assert path.read_text() == DERIVED[path](), "make docs-reference"


def test_the_calendar_is_what_its_script_writes(tmp_path, monkeypatch):
    from scripts import build_calendar

    monkeypatch.setattr(build_calendar, "TARGET", tmp_path / "xnys.py")
    build_calendar.main()

    # The committed file is the script's, formatted.
    wanted, written = {}, {}
    exec((ROOT / "tradepulse/core/calendars/xnys.py").read_text(), wanted)
    exec((tmp_path / "xnys.py").read_text(), written)
    names = ("FIRST", "LAST", "ZONE", "OPEN", "CLOSE", "HOLIDAYS", "ODD_OPENS", "ODD_CLOSES")
    assert {name: wanted[name] for name in names} == {name: written[name] for name in names}


def test_nothing_needed_to_run_is_under_a_licence_that_users_may_not_ship():
    found = packages()

    assert len(found) > 150
    assert [p.name for p in found if p.at_run_time and re.search(r"GPL", p.licence.replace("LGPL", ""))] == []
    assert {p.name for p in found} >= {
        "dagster",
        "pandas",
        "vectorbt",
        "mlflow",
        "duckdb",
        "great-expectations",
        "pandera",
    }


def test_the_readme_says_what_vectorbt_s_licence_is():
    assert "Commons Clause" in (ROOT / "README.md").read_text()


def test_every_command_group_stands_in_the_readme():
    text = (ROOT / "README.md").read_text()

    assert [group for group in GROUPS if f"tradepulse_cli {group}" not in text and group != "plugins"] == []


def test_make_targets_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`?make ([a-z][a-z-]+)`", page.read_text())}

    assert named
    assert named <= targets


def test_the_error_tree_shows_every_error():
    from tradepulse import errors

    def family(error):
        return [error.__name__, *(name for child in error.__subclasses__() for name in family(child))]

    # Every module is loaded, so that an error declared anywhere but in the tree's own file shows up too.
    for module in walk_packages(tradepulse.__path__, "tradepulse."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    assert set(family(TradePulseError)) - set(re.findall(r"\w+", errors.__doc__)) == set()


def test_nothing_committed_names_a_registry_or_this_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    here = str(ROOT)
    bad = []
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".png"} or not path.is_file():
            continue
        text = path.read_text()
        if (
            re.search(r"--(?:extra-)?index-url|pypi\.org|files\.pythonhosted|registry\.npmjs", text)
            and name != "tests/docs/test_docs.py"
        ):
            bad.append(name)
        if f"{here}/" in text:
            bad.append(name)
    assert tracked
    assert bad == []
