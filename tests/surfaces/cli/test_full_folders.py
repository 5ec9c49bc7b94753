"""Files of a log that a command writes, on a disk that takes no more."""

from __future__ import annotations

from pathlib import Path

import pytest
from store.segment_keeper import Keeper
from support.media import FULL, on_tmpfs
from surfaces.cli.cli_workspace import CliWorkspace

from sayso.store.sqlite.store import SqliteStore

_SEAL = """
import asyncio, sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from store.segment_keeper import Keeper
from sayso.errors import ConfigError
from sayso.store.sqlite.store import SqliteStore

async def main():
    keeper = Keeper(SqliteStore(Path(sys.argv[2])), Path("segments"))
    try:
        await keeper.seal()
    except ConfigError as error:
        print(error.code, error.message, error.next_step, sep="; ")

asyncio.run(main())
"""


@pytest.mark.promise("cli:full-folders")
async def test_sealing_on_a_full_disk_asks_for_room(tmp_path: Path) -> None:
    """It asked for another setting; and what is half written is not left under any name."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    await Keeper(store, tmp_path / "unused").enter(300)
    await store.close()
    (tmp_path / "seal.py").write_text(_SEAL)
    words = f"{tmp_path}/seal.py {Path(__file__).parents[2]} {tmp_path}/sayso.db"
    made = "mkdir -p segments/main\ntouch segments/main/.lock"
    run = f"{made}\n{FULL}\n$PYTHON {words}\nls segments/main"
    done = on_tmpfs(run, at=tmp_path / "disk", size="1m")
    assert done.stdout.startswith("store_full; the folder of sealed segments"), done
    told = "no space left on device; free some disk space there; sealing then goes on\n"
    assert done.stdout.endswith(told), done


@pytest.mark.promise("cli:full-folders")
def test_a_folder_or_memory_on_a_full_disk_is_told_as_such(
    cli: CliWorkspace, tmp_path: Path
) -> None:
    """`audit tiles` asked for another folder, and `--state` to restore a memory from a backup."""
    cli.line("audit", "query", "name:x")
    sayso = "$PYTHON -m sayso audit"
    script = (
        f"{FULL}\n"
        f"{sayso} tiles tiles --workspace {cli.folder} || true\n"
        f"{sayso} verify {cli.database} --state memory || true\n"
    )
    done = on_tmpfs(script, at=tmp_path / "disk", size="1m")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert [line.rpartition(" ")[2] for line in errors] == ["[store_full]"] * 2, done
    assert "backup" not in done.stderr
