"""Files that are made to be sent: gone with their call, or with the next start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from surfaces.http.api_server import ApiServer, serving

from sayso.sandbox import Sandbox
from sayso.surfaces.http.export_folders import PREFIX, YOUNG_S, ExportFolder, remove_left
from sayso.testing.clock import FakeClock

HOLDS_ONE = """
import sys
from pathlib import Path
from sayso.surfaces.http.export_folders import ExportFolder
folder = ExportFolder(Path(sys.argv[1]))
(folder.path / "log.zip").write_bytes(b"half")
print(folder.path, flush=True)
sys.stdin.read()
"""


def left_folder(base: Path, *, age_s: float, in_use: bool) -> Path:
    """What a server left behind."""
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    (path / "log.zip").write_bytes(b"half")
    if in_use:
        (path / "in-use").touch()
    at = path.stat().st_mtime - age_s
    os.utime(path, (at, at))
    return path


def test_a_killed_server_s_files_go_with_the_next_start(tmp_path: Path) -> None:
    """At once, however young they are; while the process lives nobody takes them away."""
    command = [sys.executable, "-c", HOLDS_ONE, str(tmp_path)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        assert remove_left(tmp_path) == 0
        assert (path / "log.zip").exists()
        process.kill()
        process.wait()
    assert remove_left(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_this_process_is_in_use_until_it_is_removed(tmp_path: Path) -> None:
    """Also after an hour, as a slow download takes."""
    folder = ExportFolder(tmp_path)
    at = folder.path.stat().st_mtime - 10 * YOUNG_S
    os.utime(folder.path, (at, at))
    assert remove_left(tmp_path) == 0
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_may_be_in_the_making_is_left_alone(tmp_path: Path) -> None:
    """Without the file that says so, only age tells: those of earlier releases have none."""
    young = left_folder(tmp_path, age_s=0, in_use=False)
    old = left_folder(tmp_path, age_s=YOUNG_S + 1, in_use=False)
    assert remove_left(tmp_path) == 1
    assert (young.exists(), old.exists()) == (True, False)


def test_nothing_else_is_taken_away(tmp_path: Path) -> None:
    """No link is followed, no file and no other name is ours, nor is what another user made."""
    base, elsewhere = tmp_path / "tmp", tmp_path / "elsewhere"
    base.mkdir()
    elsewhere.mkdir()
    kept = left_folder(elsewhere, age_s=10 * YOUNG_S, in_use=True)
    (base / f"{PREFIX}link").symlink_to(kept)
    (base / f"{PREFIX}file").touch()
    (base / "other-export-1").mkdir()
    linked = left_folder(base, age_s=0, in_use=False)
    (linked / "in-use").symlink_to(kept / "log.zip")
    if os.geteuid() == 0:
        os.chown(left_folder(base, age_s=10 * YOUNG_S, in_use=True), 65534, 65534)
    before = sorted(base.rglob("*"))
    assert remove_left(base) == 0
    assert sorted(base.rglob("*")) == before
    assert (kept / "log.zip").exists()


def test_a_server_takes_away_what_the_last_one_left(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it answers the first call."""
    base = tmp_path / "tmp"
    base.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(base))
    left = left_folder(base, age_s=0, in_use=True)
    with serving(tmp_path / "workspace", sandbox, FakeClock()):
        assert not left.exists()


@pytest.mark.promise("subjects:files")
def test_opened_words_are_written_to_no_file(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence goes from memory to the caller; an export leaves nothing once it is sent."""
    # A file where the folder would be: whatever tries to write there fails.
    nowhere = tmp_path / "nowhere"
    nowhere.touch()
    action = api.propose(4_000)
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(nowhere))
        answer = api.get(f"/v1/actions/{action['id']}/evidence", by="auditor")
        assert answer.status_code == 200
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for form in ("jsonl", "ocsf"):
        exported = api.post("/v1/audit/exports", {"format": form}, by="auditor")
        assert exported.status_code == 200
    # It goes in a thread after the last byte, beside the next calls.
    for _ in range(500):
        if not list(tmp_path.glob(f"{PREFIX}*")):
            return
        api.get("/v1/actions")
    raise AssertionError("the file of an export is still there")
