"""Files are written whole or not at all, never through a link, never waiting for a reader."""

import errno
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from reports.handmade import failure, report
from typer.testing import CliRunner

from conformance.cli import app
from conformance.reports import files
from conformance.reports.files import NotWritten, clear, write_text
from conformance.reports.json_report import write_json
from conformance.selftest.results import SelfTest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and FIFOs of POSIX")
DISK_FULL = "cannot be written: No space left on device: free some space, or write elsewhere"
A_FOLDER = (
    "cannot be written: Is a directory: a folder has this name: remove it, or write elsewhere"
)


@pytest.fixture
def in_time():
    """What waits for the other end of a FIFO would wait for ever."""

    def call(function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()

    return call


@pytest.fixture
def foreign(tmp_path):
    path = tmp_path / "foreign.txt"
    path.write_text("theirs")
    return path


def test_a_link_is_replaced_and_what_it_leads_to_is_not(tmp_path, foreign):
    link = tmp_path / "report.json"
    link.symlink_to(foreign)
    write_text(link, "ours")
    assert not link.is_symlink()
    assert (link.read_text(), foreign.read_text()) == ("ours", "theirs")


def test_nobody_needs_to_read_a_fifo(tmp_path, in_time):
    path = tmp_path / "report.json"
    os.mkfifo(path)
    in_time(write_text, path, "ours")
    assert path.is_file()
    assert path.read_text() == "ours"


def test_a_folder_in_the_way_is_one_message_and_stays(tmp_path):
    path = tmp_path / "report.json"
    path.mkdir()
    with pytest.raises(NotWritten) as caught:
        write_text(path, "ours")
    assert str(caught.value) == f"{path}: {A_FOLDER}"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("accepted", [0, 2])
def test_a_full_disk_leaves_the_file_of_before_and_nothing_else(tmp_path, monkeypatch, accepted):
    path = tmp_path / "report.json"
    path.write_text("before")
    answers = iter([accepted] if accepted else [])

    def write(descriptor, data):
        for count in answers:
            return count
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "os", SimpleNamespace(**vars(os) | {"write": write}))
    with pytest.raises(NotWritten) as caught:
        write_text(path, "after")
    assert str(caught.value) == f"{path}: {DISK_FULL}"
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_devices_are_written_to():
    write_text(Path("/dev/null"), "ours")
    assert Path("/dev/null").is_char_device()


def test_clearing_a_folder_takes_links_and_fifos_but_no_foreign_file(tmp_path, foreign, in_time):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / files.REPORT).symlink_to(foreign)
    os.mkfifo(folder / files.PAGE)
    (folder / files.JOURNAL).write_text("old")
    (folder / "notes.txt").write_text("theirs")
    in_time(clear, folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert foreign.read_text() == "theirs"


@pytest.fixture(params=["report --out", "compare --html", "selftest --write"])
def writing(request, tmp_path, monkeypatch):
    """A command that writes a file."""
    command, option = request.param.split()
    words = [] if command == "selftest" else [str(write_json(report(failure()), tmp_path / "in"))]
    nothing = SelfTest((), (), (), (), (), ())
    monkeypatch.setattr("conformance.selftest.running.run", lambda *arguments: nothing)
    return lambda path: CliRunner().invoke(app, [command, *words, option, str(path)])


def test_commands_write_through_no_link(writing, tmp_path, foreign):
    link = tmp_path / "link"
    link.symlink_to(foreign)
    result = writing(link)
    assert f"wrote {link}" in result.stderr
    assert foreign.read_text() == "theirs"
    assert link.is_file()
    assert not link.is_symlink()


def test_commands_say_what_is_in_the_way(writing, tmp_path):
    path = tmp_path / "taken"
    path.mkdir()
    result = writing(path)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == f"conformance: {path}: {A_FOLDER}"
