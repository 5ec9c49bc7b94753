"""`sayso init`, `check`, `migrate` and `doctor`: a workspace that works, or what is wrong."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
from surfaces.cli.cli_workspace import CliWorkspace, Line
from upgrade.older import older_file

from sayso.connectors.manifests import SHIPPED, manifest_names
from sayso.errors import Code
from sayso.sdk.setup.scaffold import create_workspace


@pytest.mark.promise("cli:init")
def test_init_makes_a_workspace_that_checks(cli: CliWorkspace) -> None:
    """What `init` writes is right as it stands, once the Stripe key is there."""
    document = cli.line.done("check")
    assert document["ok"] is True
    assert document["problems"] == []
    assert "sayso.db" in document["looked_at"]


@pytest.mark.promise("cli:init")
def test_init_keeps_secrets_from_others_and_from_git(cli: CliWorkspace) -> None:
    """The key and the token are 0600, and .gitignore names both, and every database."""
    for name in ("keys/log.key", ".sayso/person.token"):
        assert stat.S_IMODE((cli.folder / name).stat().st_mode) == 0o600
    ignored = (cli.folder / ".gitignore").read_text().split()
    assert {"keys/", ".sayso/", "*.db"} <= set(ignored)


def test_init_says_what_to_do_next(line: Line, tmp_path: Path) -> None:
    """Three commands, in the order in which they are needed."""
    ran = line("init", str(tmp_path / "shop"))
    assert ran.status == 0
    after = ran.out.partition("Next:")[2]
    assert ["STRIPE_API_KEY" in after, "sayso check" in after, "sayso ask" in after] == [True] * 3
    assert "PRIVATE+KEY" not in ran.out
    assert "csk_" not in ran.out


@pytest.mark.promise("cli:init")
@pytest.mark.parametrize("names", [manifest_names(SHIPPED)[:6], manifest_names(SHIPPED)[6:]])
def test_init_makes_a_workspace_without_stripe(
    line: Line, tmp_path: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of any connectors that ship: what is empty is named, and filled in, the policy fits."""
    folder = tmp_path / "desk"
    made = line.done("init", str(folder), "--with", ",".join(names), "--json")
    assert not (folder / "policies" / "stripe.cedar").exists()
    settings = folder / "sayso.toml"
    text = settings.read_text()
    assert "connectors.stripe]" not in text
    for name in names:
        cases = tomllib.loads((SHIPPED / f"{name}.cases.toml").read_text()).get("settings", {})
        head, table, rest = text.partition(f"[connectors.{name}]\n")
        for setting, value in cases.items():
            assert f'{setting} = ""' not in rest or f"[connectors.{name}] {setting}" in "".join(
                made["next"]
            )
            rest = re.sub(rf'(?m)^{setting} = "[^"]*"', f'{setting} = "{value}"', rest, count=1)
        text = head + table + rest
    settings.write_text(text)
    for name in re.findall(r'"env:([A-Z_]+)"', text):
        monkeypatch.setenv(name, "key_1")
    line.done("policy", "activate", "--workspace", str(folder))
    problems = line("check", "--json", "--workspace", str(folder)).json["problems"]
    assert {one["code"] for one in problems} <= {"needs_reauth"}, problems


def test_init_refuses_a_connector_that_does_not_ship(line: Line, tmp_path: Path) -> None:
    """With the nearest, or with the list; nothing is made."""
    ran = line("init", str(tmp_path / "shop"), "--with", "shopfy").refused("invalid_setting", 2)
    assert "did you mean `shopify`?" in ran.err
    ran = line("init", str(tmp_path / "shop"), "--with", "our-own").refused("invalid_setting", 2)
    assert "zendesk" in ran.err
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize("names", ["", ",", " , "])
def test_init_refuses_a_workspace_without_connectors(
    line: Line, tmp_path: Path, names: str
) -> None:
    """Told what to choose among, and not that a rule of its own policy is wrong."""
    ran = line("init", str(tmp_path / "shop"), "--with", names).refused("invalid_setting", 2)
    assert "zendesk" in ran.err
    assert not (tmp_path / "shop").exists()


def test_init_refuses_a_workspace_that_is_there(cli: CliWorkspace) -> None:
    """Nothing of an existing workspace is touched."""
    before = {path: path.read_bytes() for path in cli.folder.rglob("*") if path.is_file()}
    cli.line("init").refused("workspace_exists", 2)
    assert {path: path.read_bytes() for path in cli.folder.rglob("*") if path.is_file()} == before


@pytest.mark.promise("cli:init")
def test_init_that_fails_leaves_nothing(line: Line, tmp_path: Path) -> None:
    """Nothing half done: a file where a folder is needed takes everything back."""
    (tmp_path / "policies").write_text("not a folder")
    line("init", str(tmp_path)).refused("invalid_setting", 2)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["policies"]


async def test_init_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C cancels it: files that stay would have the next `init` refuse the folder."""
    making = asyncio.create_task(create_workspace(tmp_path, approver="maria"))
    while not (tmp_path / "sayso.db").exists():
        await asyncio.sleep(0)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_init_keeps_what_a_gitignore_says_already(line: Line, tmp_path: Path) -> None:
    """A repository's own .gitignore is added to, never replaced."""
    (tmp_path / ".gitignore").write_text("node_modules/\n")
    line.done("init", str(tmp_path))
    assert (tmp_path / ".gitignore").read_text().startswith("node_modules/\n\n# Sayso")


@pytest.mark.parametrize("approver", ["", "Maria", "a b", "a" * 65, "../x"])
def test_init_refuses_an_approver_that_is_no_id(line: Line, tmp_path: Path, approver: str) -> None:
    """The id stands in the log for ever, so it is checked before anything is written."""
    words = ("init", str(tmp_path / "shop"), "--approver", approver)
    if approver:
        line(*words).refused("invalid_setting", 2)
        assert not (tmp_path / "shop").exists()
    else:
        assert line(*words).status == 0  # empty is as good as left out


def test_check_names_the_missing_variable(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing STRIPE_API_KEY is named, and everything else is still looked at."""
    monkeypatch.delenv("STRIPE_API_KEY")
    ran = cli.line("check", "--json")
    assert ran.status == 2
    (problem,) = ran.json["problems"]
    assert (problem["code"], problem["place"]) == ("missing_secret", "[connectors.stripe]")
    assert "STRIPE_API_KEY" in problem["detail"]
    assert "sayso.db" in ran.json["looked_at"]


def test_check_says_in_time_that_the_list_of_holidays_ends(cli: CliWorkspace) -> None:
    """After its last line no permit that reads `holiday` is met, and nobody had been told."""
    (cli.folder / "policies" / "holidays.txt").write_text("2020-12-25 Christmas\n")
    ran = cli.line("check", "--json")
    (note,) = (one for one in ran.json["problems"] if "its last holiday" in one["detail"])
    assert (note["warning"], note["place"]) == (True, "policies/holidays.txt")
    assert "2020-12-25" in note["detail"]
    (cli.folder / "policies" / "holidays.txt").write_text("9999-12-24 far away\n")
    assert "its last holiday" not in cli.line("check", "--json").out


@pytest.mark.promise("cli:check")
def test_check_lists_every_problem_at_once(cli: CliWorkspace) -> None:
    """Policy, playbook, own action, key, role and connector: one run names all of them."""
    cli.edit_settings('folder = "outbox"', 'foldr = "outbox"\nfrom = "nobody"')
    cli.edit_settings('from = "support@example.com"\n', "")
    cli.edit_settings('["support_manager", "finance"]\n# slack', '["support_manager"]\n# slack')
    cli.edit_settings("[workspace]", 'actions = ["actions/*.py"]\n\n[workspace]')
    (cli.folder / "actions" / "bad.py").write_text("import nothing_like_this\n")
    (cli.folder / "playbooks" / "bad.toml").write_text("version = 1\nname = 3\n")
    policy = cli.folder / "policies" / "stripe.cedar"
    policy.write_text(policy.read_text().replace("context.tenure_days", "context.tenure_dayz"))
    (cli.folder / "keys" / "log.key").write_text("no key\n")
    ran = cli.line("check", "--json")
    assert ran.status == 2
    found = {(one["place"], one["code"]) for one in ran.json["problems"]}
    assert found >= {
        ("[signing]", "invalid_setting"),
        ("[connectors.email]", "invalid_setting"),
        ("actions/bad.py", "invalid_action"),
        ("playbooks/bad.toml", "invalid_playbook"),
        ("policies/*", "invalid_policy"),
        ("[[people]]", "invalid_setting"),
    }
    assert all(one["next_step"] for one in ran.json["problems"])


def test_check_names_every_wrong_setting(cli: CliWorkspace) -> None:
    """sayso.toml is wrong in two places, and both are said, with what is near."""
    cli.edit_settings("expires_after_minutes", "expires_after_minute")
    cli.edit_settings('tenant = "main"', 'tenant = "Main Shop"')
    ran = cli.line("check", "--json")
    assert ran.status == 2
    text = " ".join(one["detail"] + one["next_step"] for one in ran.json["problems"])
    assert len(ran.json["problems"]) == 2
    assert "workspace.tenant" in text
    assert "expires_after_minute" in text


@pytest.mark.promise("connectors:settings")
def test_check_names_a_setting_that_a_connector_does_not_have(cli: CliWorkspace) -> None:
    """Mail that never leaves because of a misspelt `transport` is no workspace that is fine."""
    cli.edit_settings('transport = "file"', 'transprt = "smtp"\nhots = "mail.example"')
    cli.edit_settings("[connectors.stripe]", '[connectors.stripe]\nbase-url = "x"')
    told = {one["place"]: one for one in cli.line("check", "--json").json["problems"]}
    mail, money = told["[connectors.email]"], told["[connectors.stripe]"]
    assert "transprt" in mail["detail"]
    assert "hots" in mail["detail"]
    assert mail["next_step"] == "did you mean `transport`?; did you mean `host`?"
    assert money["next_step"] == "did you mean `base_url`?"
    cli.refund().refused("invalid_setting", 2)


@pytest.mark.parametrize("section", ["", "\n[http]\nport = 8390"])
def test_a_setting_of_the_top_that_is_appended_is_told_its_place(
    cli: CliWorkspace, section: str
) -> None:
    """TOML puts what stands at the end of the file into the last section."""
    file = cli.folder / "sayso.toml"
    text = file.read_text("utf-8")
    file.write_text(f'{text}{section}\nactions = ["actions/*.py"]\n', "utf-8")
    problem, *_ = cli.line("check", "--json").json["problems"]
    assert (
        problem["next_step"]
        == "`actions` belongs at the top of sayso.toml, above the first [section]"
    )


def test_a_policy_is_not_accused_of_a_connector_that_cannot_be_loaded(
    line: Line, tmp_path: Path
) -> None:
    """What is to be done first is what stands in sayso.toml: the rules are as `init` wrote them."""
    folder = tmp_path / "desk"
    line.done("init", str(folder), "--with", "jira", "--json")
    problems = line("check", "--json", "--workspace", str(folder)).json["problems"]
    assert {one["place"] for one in problems} == {"[connectors.jira]", "policies/*"}
    [policy] = [one for one in problems if one["place"] == "policies/*"]
    assert policy["next_step"].startswith("correct `[connectors.jira]` first")
    assert "it may be right" in policy["detail"]


def test_a_connector_that_is_none_is_told_before_its_secret(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who sets the variable first would search in the wrong place."""
    monkeypatch.delenv("STRIPE_API_KEY", raising=False)
    cli.edit_settings("[connectors.stripe]", "[connectors.strip]")
    problems = cli.line("check", "--json").json["problems"]
    assert problems[0]["next_step"] == "did you mean `stripe`?"


def test_the_examples_that_init_writes_are_right(cli: CliWorkspace) -> None:
    """Renamed as they say themselves, the own action and the playbook pass the check."""
    for name in ("actions/points.py", "playbooks/points.toml"):
        (cli.folder / f"{name}.example").rename(cli.folder / name)
    cli.edit_settings("[workspace]", 'actions = ["actions/*.py"]\n\n[workspace]')
    document = cli.line.done("check")
    assert {"actions/points.py", "playbooks/points.toml"} <= set(document["looked_at"])


def test_check_notices_another_key(cli: CliWorkspace) -> None:
    """A database whose log another key signed is not written to by mistake."""
    cli.line.done("init", str(cli.folder / "other"))
    other = cli.folder / "other" / "keys" / "log.key"
    (cli.folder / "keys" / "log.key").write_bytes(other.read_bytes())
    ran = cli.line("check", "--json")
    assert (ran.status, [one["code"] for one in ran.json["problems"]]) == (2, ["key_mismatch"])


def test_migrate_makes_a_missing_database(cli: CliWorkspace) -> None:
    """A database that is not there is named with its next step, and `migrate` makes it."""
    cli.database.unlink()
    cli.line("approvals", "list").refused("store_unavailable", 2)
    assert cli.line.done("migrate")["version"] >= 1
    assert cli.line.done("approvals", "list") == {"items": [], "after": None}


@pytest.mark.parametrize(("version", "step"), [(99, "upgrade Sayso"), (0, "sayso migrate")])
def test_another_version_of_the_database_is_refused(
    cli: CliWorkspace, version: int, step: str
) -> None:
    """Too new or too old: nothing is read or written, and the next step differs."""
    with closing(sqlite3.connect(cli.database)) as connection:
        connection.execute(f"pragma user_version = {version}")
    assert step in cli.line("approvals", "list").refused("store_version", 2).err


def test_a_file_that_is_no_database_is_named(cli: CliWorkspace) -> None:
    """Another file under the database's name is refused as what it is."""
    cli.database.write_bytes(b"not a database, " * 500)
    cli.line("actions", "list").refused(Code.NOT_A_DATABASE, 2)
    cli.line("migrate").refused(Code.NOT_A_DATABASE, 2)


def test_doctor_shows_how_the_database_is_set_up(cli: CliWorkspace) -> None:
    """Durability and the log's guards are what an operator asks for first."""
    facts = cli.line.done("doctor")["facts"]
    assert (facts["fsync"], facts["journal"], facts["guards"]) == ("full", "wal", "all there")
    assert facts["log key"].startswith("shop/main+")


def test_doctor_misses_a_guard(cli: CliWorkspace) -> None:
    """A trigger that somebody dropped is named, with what prints its statement."""
    with closing(sqlite3.connect(cli.database)) as connection:
        found = connection.execute("select name from sqlite_master where type = 'trigger'")
        (name,) = found.fetchone()
        connection.execute(f"drop trigger {name}")
        connection.commit()
    ran = cli.line("doctor")
    ran.refused("store_version", 2)
    assert "missing: " in ran.out
    assert "`sayso migrate --sql` prints" in " ".join(ran.err.split())
    assert f"create trigger {name} " in cli.line("migrate", "--sql").out
    assert f"create trigger {name} " in cli.line.done("migrate", "--sql")["sql"]


def test_doctor_sends_an_older_database_to_migrate(cli: CliWorkspace) -> None:
    """The guards of later versions are not there yet, and nobody took them away."""
    cli.database.write_bytes(older_file())
    ran = cli.line("doctor").refused("store_version", 2)
    assert "run `sayso migrate`" in ran.err
    assert "lacks the guard" not in ran.err
