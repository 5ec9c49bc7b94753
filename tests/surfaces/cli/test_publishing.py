"""Two departments: one keeps the log, the other witnesses it, and an auditor trusts neither."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from surfaces.cli.cli_workspace import CliWorkspace
from surfaces.cli.test_servers import running

from sayso.audit.signed_note.note import Checkpoint, Ed25519Signer, sign_checkpoint


def append(cli: CliWorkspace, text: str) -> None:
    """Add to the settings."""
    file = cli.folder / "sayso.toml"
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def log_key(cli: CliWorkspace) -> str:
    """The log's public key."""
    return str(cli.line.done("audit", "checkpoint")["vkey"])


@contextmanager
def witnessing(cli: CliWorkspace, folder: Path) -> Generator[dict[str, Any]]:
    """Run `sayso witness` as another department would, for this log."""
    folder.mkdir()
    name = "witness.example/finance"
    key = folder / "witness.key"
    cli.line.done("audit", "make-key", str(key), "--name", name, "--for", "witness")
    (folder / "logs").write_text(f"{cli.line('audit', 'keys').out}quorum none\n")
    words = ("--store", str(folder / "seen"), "--key", str(key), "--logs", str(folder / "logs"))
    with running(cli.process("witness", *words, "--port", "0", "--json")) as ready:
        append(
            cli,
            '\n[publishing]\nevery_s = 0.1\n[[publishing.places]]\nname = "finance"\n'
            f'witness = "{ready["url"]}"\nkey = "{ready["vkeys"][0]}"\n',
        )
        yield ready


def auditors_policy(cli: CliWorkspace, witness: dict[str, Any], file: Path) -> str:
    """What the auditor keeps: the log's key, and that this witness must have cosigned."""
    line = f"witness finance {witness['vkeys'][0]} {witness['url']}"
    file.write_text(f"{cli.line('audit', 'keys').out}{line}\nquorum finance\n")
    return str(file)


@pytest.mark.promise("cli:anchored")
def test_an_auditor_sees_how_far_a_witness_vouches(cli: CliWorkspace, tmp_path: Path) -> None:
    """Publish, go on, verify: anchored up to there, by whom and when, the rest unanchored."""
    cli.line("audit", "query", "name:x")
    with witnessing(cli, tmp_path / "finance") as witness:
        policy = auditors_policy(cli, witness, tmp_path / "policy")
        assert cli.line("audit", "verify", "--policy", policy).status == 2
        places = cli.line.done("audit", "publish")["items"]
        state = next(one for one in places if one["place"] == "finance" and one["tenant"] == "main")
        assert (state["lag"], state["problem"]) == (0, None)
        cli.line("audit", "query", "name:x")
        memory = str(tmp_path / "memory")
        words = ("audit", "verify", "--policy", policy, "--state", memory)
        ran = cli.line(*words)
        assert ran.status == 0, ran.out
        assert f"anchored to {state['size']} by finance at" in ran.out
        assert "unanchored" in ran.out
        assert cli.line(*words, "--ask-witnesses").status == 0
        shutil.copy(cli.database, tmp_path / "old.db")
        cli.line("audit", "query", "name:x")
        assert cli.line(*words).status == 0
        rolled_back = cli.line("audit", "verify", str(tmp_path / "old.db"), *words[2:])
        assert rolled_back.status == 1
        assert "rolled_back" in rolled_back.out
        assert cli.line(*words).status == 0  # what was wrong is not remembered


@pytest.mark.promise("cli:anchored")
def test_what_the_database_holds_back_the_witness_tells(cli: CliWorkspace, tmp_path: Path) -> None:
    """An old copy, with all its rows, against what the witness itself has seen."""
    cli.line("audit", "query", "name:x")
    with witnessing(cli, tmp_path / "finance") as witness:
        policy = auditors_policy(cli, witness, tmp_path / "policy")
        cli.line.done("audit", "publish")
        shutil.copy(cli.database, tmp_path / "old.db")
        cli.line("audit", "query", "name:x")
        cli.line.done("audit", "publish")
        old = ("audit", "verify", str(tmp_path / "old.db"), "--policy", policy)
        assert cli.line(*old).status == 0
        asked = cli.line(*old, "--ask-witnesses")
        assert asked.status == 1
        assert "finance saw" in asked.out


def test_serve_publishes_by_itself(cli: CliWorkspace, tmp_path: Path) -> None:
    """In the background, while it answers; and the log of logs goes along."""
    (tmp_path / "share").mkdir()
    append(
        cli,
        '\n[publishing]\nevery_s = 0.1\n[[publishing.places]]\nname = "share"\n'
        f'directory = "{tmp_path / "share"}"\n',
    )
    cli.line("audit", "query", "name:x")
    with running(cli.process("serve", "--port", "0", "--json")):
        logs = tmp_path / "share" / "shop"
        tenants, pause = ("main", "sayso:logs"), threading.Event()
        for _ in range(3000):
            if all(list(logs.glob(f"{tenant}/*.checkpoint")) for tenant in tenants):
                break
            pause.wait(0.01)
    published = ("--published", str(tmp_path / "share"))
    assert cli.line("audit", "verify", *published).status == 0
    with closing(sqlite3.connect(cli.database)) as rows:
        assert rows.execute("select count(*) from publication").fetchone()[0] >= 3


@pytest.mark.promise("audit:evidence")
def test_who_can_write_where_heads_are_published_accuses_no_honest_log(
    cli: CliWorkspace, tmp_path: Path
) -> None:
    """A head of another tree, and of more entries, by a key of the writer's own: exit status 2."""
    share = tmp_path / "share"
    share.mkdir()
    append(cli, f'\n[[publishing.places]]\nname = "share"\ndirectory = "{share}"\n')
    cli.line("audit", "query", "name:x")
    cli.line.done("audit", "publish")
    published = ("audit", "verify", "--published", str(share))
    assert cli.line(*published).status == 0
    wrong = Checkpoint(origin="shop/main", size=999, root=bytes(32))
    note = sign_checkpoint(wrong, Ed25519Signer.generate("shop/main"))
    (share / "shop" / "main" / "999.checkpoint").write_text(note)
    ran = cli.line(*published)
    assert (ran.status, "unknown_key" in ran.out, "rolled_back" in ran.out) == (2, True, False)


@pytest.mark.promise("cli:rotation")
def test_the_signing_key_is_changed_by_command(cli: CliWorkspace, tmp_path: Path) -> None:
    """Make a key, set it as the next one, rotate, set it as the key: each step verifies."""
    old = log_key(cli) if cli.line("audit", "query", "name:x").status == 0 else ""
    cli.line("audit", "rotate-key").refused("wrong_state")
    made = cli.line.done("audit", "make-key", "keys/next.key", "--name", "shop")
    assert (cli.folder / "keys" / "next.key").stat().st_mode & 0o777 == 0o600
    cli.line("audit", "make-key", "keys/next.key", "--name", "shop").refused("invalid_setting", 2)
    cli.edit_settings(
        'key = "file:keys/log.key"', 'key = "file:keys/log.key"\nnext_key = "file:keys/next.key"  #'
    )
    changed = cli.line.done("audit", "rotate-key")["logs"]
    assert changed[0]["tenant"] == "main"
    assert changed[0]["vkey"].endswith(made["vkey"].split("+", 2)[2])
    assert cli.line("audit", "verify", "--vkey", old).status == 0
    cli.line("audit", "query", "name:x")
    # Whoever lost the answer, or looks before the settings are changed, hears what is left to do.
    for words in (("audit", "rotate-key"), ("check",)):
        said = cli.line(*words).err
        assert "set `signing.key` to what `signing.next_key` is" in said
        assert "key_mismatch" not in said
    cli.edit_settings('key = "file:keys/log.key"', 'key = "file:keys/next.key"')
    cli.edit_settings("next_key", "# next_key")
    cli.line("audit", "query", "name:x")
    for vkey in (old, changed[0]["vkey"]):
        assert cli.line("audit", "verify", "--vkey", vkey).status == 0
    cli.edit_settings('key = "file:keys/next.key"', 'key = "file:keys/log.key"')
    cli.line("audit", "query", "name:x").refused("key_mismatch", 2)


@pytest.mark.promise("cli:rotation")
def test_exports_go_on_while_the_settings_still_name_the_old_key(
    cli: CliWorkspace, tmp_path: Path
) -> None:
    """docs/how-to/publish-the-log.md sets the key "at leisure": until then, each export is signed
    by the
    next one, is written, and names the key that verifies it, also where only that one can."""
    action = cli.refund().json["id"]
    cli.line.done("audit", "make-key", "keys/next.key", "--name", "shop")
    cli.edit_settings(
        'key = "file:keys/log.key"', 'key = "file:keys/log.key"\nnext_key = "file:keys/next.key"  #'
    )
    new = cli.line.done("audit", "rotate-key")["logs"][0]["vkey"]
    for number, words in enumerate(
        (
            ("export", str(tmp_path / "all")),
            ("export", str(tmp_path / "some"), "--query", "kind:key.rotated"),
            ("export", str(tmp_path / "events"), "--format", "ocsf"),
            ("evidence", action, "-o", str(tmp_path / "pack.html")),
        )
    ):
        written = cli.line.done("audit", *words)
        assert written["vkey"] == new, number
        assert cli.line("audit", "verify", written["path"], "--vkey", new).status == 0
    assert cli.line.done("audit", "checkpoint")["vkey"] == new


@pytest.mark.promise("cli:rotation")
def test_a_witness_follows_a_change_of_keys_by_the_recipe(
    cli: CliWorkspace, tmp_path: Path
) -> None:
    """docs/how-to/publish-the-log.md, step by step: it has the next key before the change."""
    cli.line("audit", "query", "name:x")
    with witnessing(cli, tmp_path / "finance") as witness:
        assert published(cli) == {None}
        url = str(witness["url"])
    cli.line.done("audit", "make-key", "keys/next.key", "--name", "shop")
    cli.edit_settings(
        'key = "file:keys/log.key"', 'key = "file:keys/log.key"\nnext_key = "file:keys/next.key"  #'
    )
    document = cli.line.done("audit", "keys")
    assert [one["tenant"] for one in document["next"]] == ["main", "sayso:logs"]
    lines = cli.line("audit", "keys").out
    assert {one["vkey"] for one in document["next"]} < set(lines.replace("log ", "").split())
    folder = tmp_path / "finance"
    (folder / "logs").write_text(f"{lines}quorum none\n")
    words = ("--store", str(folder / "seen"), "--key", str(folder / "witness.key"))
    server = cli.process("witness", *words, "--logs", str(folder / "logs"), "--port", "0", "--json")
    with running(server) as witness:
        cli.edit_settings(url, str(witness["url"]))
        policy = tmp_path / "policy"
        line = f"witness finance {witness['vkeys'][0]} {witness['url']}"
        policy.write_text(f"{lines}{line}\nquorum finance\n")
        cli.line.done("audit", "rotate-key")
        cli.line("audit", "query", "name:x")
        assert published(cli) == {None}
        ran = cli.line("audit", "verify", "--policy", str(policy), "--ask-witnesses")
        assert ran.status == 0, ran.out
    assert cli.line.done("audit", "keys")["next"] == []


@pytest.mark.promise("cli:anchored")
def test_the_second_key_is_printed_as_a_policy_names_it(cli: CliWorkspace, tmp_path: Path) -> None:
    """`audit keys` left it out, so no auditor could ask for both signatures of a published head."""
    cli.line("audit", "query", "name:x")
    made = cli.line.done("audit", "make-key", "keys/2.key", "--name", "shop", "--for", "ml-dsa")
    with witnessing(cli, tmp_path / "finance") as witness:
        assert cli.line.done("audit", "keys")["second"] == []
        alone = auditors_policy(cli, witness, tmp_path / "alone")
        cli.line.done("audit", "publish")
        cli.edit_settings("[publishing]", '[publishing]\nsecond_key = "file:keys/2.key"')
        policy = auditors_policy(cli, witness, tmp_path / "policy")
        for file, status in ((alone, 0), (policy, 2)):
            assert cli.line("audit", "verify", "--policy", file).status == status
        cli.line("audit", "query", "name:x")
        assert published(cli) == {None}
        for words in ((), ("--ask-witnesses",)):
            assert cli.line("audit", "verify", "--policy", policy, *words).status == 0
        listed = cli.line.done("audit", "keys")["second"]
    assert [one["tenant"] for one in listed] == ["main", "sayso:logs"]
    assert all(one["vkey"] in Path(policy).read_text().split() for one in listed)
    # The same key under each log's name, where `make-key` printed it under the workspace's.
    assert not {one["vkey"] for one in listed} & {made["vkey"]}


def published(cli: CliWorkspace) -> set[object]:
    """Publish; the problems of all places, None where there is none."""
    return {one["problem"] for one in cli.line.done("audit", "publish")["items"]}


def test_a_log_is_written_as_tiles(cli: CliWorkspace, tmp_path: Path) -> None:
    """And brought up to the newest head by the same command."""
    folder = tmp_path / "tiles"
    for _ in range(2):
        cli.line("audit", "query", "name:x")
        cli.line.done("audit", "tiles", str(folder))
        checkpoint = (folder / "checkpoint").read_text(encoding="utf-8")
        assert checkpoint == cli.line.done("audit", "checkpoint")["checkpoint"]
        size = int(checkpoint.split("\n")[1])
        assert (folder / f"tile/0/000.p/{size}").stat().st_size == 32 * size


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "publish"),
        ("audit", "verify", "--policy", "nowhere"),
        ("audit", "verify", "--ask-witnesses"),
        ("audit", "verify", "--published", "nowhere"),
        ("audit", "verify", "--state", "sayso.toml"),
        ("witness", "--store", "w", "--key", "nowhere", "--logs", "nowhere"),
        ("witness", "--store", "w", "--key", "sayso.toml", "--logs", "nowhere"),
        ("audit", "make-key", "nowhere.key", "--name", "a b"),
    ],
)
def test_what_cannot_be_meant_is_refused(cli: CliWorkspace, words: tuple[str, ...]) -> None:
    """Status 2, a code and a next step; for a verdict, 1 means tampered and nothing else."""
    ran = cli.line(*words)
    assert ran.status == 2, (ran.out, ran.err)
    assert "next: " in ran.err
