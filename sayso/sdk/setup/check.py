"""Checking a workspace as a whole: every problem at once, without calling any provider."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import cast

from sayso.actions.model.definition import Action
from sayso.actions.policy.document import PolicyDocument
from sayso.audit.signing.rotation import FINISH_ROTATION
from sayso.errors import Code, ConfigError, RetryableError, SaysoError
from sayso.frozen import replace
from sayso.ids import Clock, SystemClock, Tenant
from sayso.json import JsonValue
from sayso.sdk.audit.alarms import read_alarms
from sayso.sdk.audit.publishing import open_place
from sayso.sdk.audit.vault_key import vault_trouble
from sayso.sdk.connectors.catalog import actions_of_connector, actions_of_file
from sayso.sdk.connectors.load import load_connectors
from sayso.sdk.resources.connections import check_token, read_connection, read_vault
from sayso.sdk.setup.check_desks import check_desks
from sayso.sdk.setup.orphaned_actions import find_orphans
from sayso.sdk.wiring.agent import make_knowledge, make_model
from sayso.sdk.wiring.bare_ids import check_bare_ids
from sayso.sdk.wiring.database import open_store, store_name
from sayso.sdk.wiring.policy_in_force import read_state
from sayso.sdk.workspace import Workspace, compile_here
from sayso.secret import Secret
from sayso.settings import FILE_NAME, PlaceSection
from sayso.settings.base import REFERENCE
from sayso.settings.document import wrong_setting
from sayso.settings.planner import ModelSection
from sayso.store.base import Store, text
from sayso.store.private_files import is_open_to_others
from sayso.store.replica import Replicated
from sayso.toml import TomlMistakeError

_AND_MORE = re.compile(r" \(and \d+ more\)$")
_LISTED = frozenset({Code.INVALID_POLICY, Code.INVALID_MANIFEST})
"""What keeps the mistakes that it counts in its detail, each in a line with what to do."""
_REFERENCE = re.compile(r"^(env|file|vault):.+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckProblem:
    """One thing that is wrong with a workspace.

    Attributes:
        place: the file, or the part of sayso.toml, in which it is.
        code, message, next_step: as the error says them.
        warning: it works as it is, and is worth knowing.
    """

    place: str
    code: Code
    message: str
    next_step: str
    warning: bool = False


async def check_workspace(
    path: Path, environment: Mapping[str, str], clock: Clock | None = None
) -> tuple[list[str], list[CheckProblem]]:
    """Check a workspace, from its settings and secrets to its people and its database.

    Args:
        path: the workspace's folder, or its sayso.toml.
        environment: where `env:` references look.
        clock: by which what ends soon is told; the system's unless said.

    Returns:
        What was looked at, and what is wrong, in the order of looking. Wrong settings end it, since
        all else depends on them.

    Raises:
        ConfigError: `no_workspace`.
    """
    try:
        workspace = Workspace.load(path, environment)
    except ConfigError as error:
        if error.code is Code.NO_WORKSPACE:
            raise
        return [FILE_NAME], list(_problems(FILE_NAME, error))
    checker = _Checker(workspace, (clock or SystemClock()).now())
    checker.secrets()
    checker.places()
    checker.connections()
    checker.connectors()
    checker.own_actions()
    checker.policy()
    checker.playbooks()
    checker.words()
    checker.people()
    await checker.database()
    return checker.looked_at, checker.problems


def _problems(place: str, error: SaysoError) -> Iterator[CheckProblem]:
    """What an error says first, and each of the others that it counts."""
    first = _problem(place, error)
    yield replace(first, message=_AND_MORE.sub("", first.message))
    cause = error.__cause__
    if isinstance(cause, TomlMistakeError):
        for wrong in cause.others:
            if error.code is Code.INVALID_SETTING:
                yield _problem(place, wrong_setting(wrong, FILE_NAME))
                continue
            line = "" if wrong.line is None else f"line {wrong.line}: "
            yield replace(first, message=f"{line}{wrong}", next_step=wrong.next_step)
    elif error.code in _LISTED and _AND_MORE.search(error.message):
        for listed in error.detail.splitlines():
            message, _, step = listed.rpartition("; ")
            yield replace(first, message=message or step, next_step=step if message else "")


def _problem(place: str, error: SaysoError) -> CheckProblem:
    return CheckProblem(
        place=place, code=error.code, message=error.message, next_step=error.next_step
    )


def _no_such_provider(place: str, name: str, known: Sequence[str]) -> CheckProblem:
    near = difflib.get_close_matches(name, known, 1)
    there = ", ".join(f"`{one}`" for one in known) or "none"
    return CheckProblem(
        place="[customers.links]",
        code=Code.INVALID_SETTING,
        message=f"`{place}` ties nothing: no connector `{name}` here has customers",
        next_step=f"did you mean `{near[0]}`?" if near else f"name one of those that have: {there}",
    )


def _perhaps_only(error: ConfigError, unread: str) -> ConfigError:
    """What is wrong with rules while the actions of a connector cannot be read."""
    return ConfigError(
        error.code,
        f"{_AND_MORE.sub('', error.message)}; it may be right, since `{unread}` cannot be loaded",
        next_step=f"correct `{unread}` first, then run `sayso check` again",
    )


class _Checker:
    """Goes through one workspace; keeps what it looked at and what is wrong."""

    def __init__(self, workspace: Workspace, now: datetime) -> None:
        self._workspace = workspace
        self._now = now
        self._settings = workspace.settings
        self._actions: list[Action] = []
        self._unread: list[str] = []
        self._draft: PolicyDocument | None = None
        self.looked_at: list[str] = [FILE_NAME]
        self.problems: list[CheckProblem] = []

    @property
    def known(self) -> set[str] | None:
        """The names of the actions; None where not all of them could be read."""
        return None if self._unread else {action.name for action in self._actions}

    def _try(self, place: str, work: Callable[[], None]) -> bool:
        self.looked_at.append(place)
        try:
            work()
        except SaysoError as error:
            self.problems += _problems(place, error)
            return False
        return True

    def secrets(self) -> None:
        """Every reference can be read; the signing key is one."""
        self._try("[signing]", self._signer)
        planner, slack = self._settings.planner, self._settings.slack
        references = {"[planner]": [one.api_key for one in planner.models], "[slack]": []}
        if slack is not None:
            references["[slack]"] = [
                one
                for one in (slack.bot_token, slack.signing_secret, slack.app_token)
                if one is not None
            ]
        for name, table in self._settings.channels.items():
            texts = [one for one in table.values() if isinstance(one, str)]
            secrets = [one for one in texts if re.fullmatch(REFERENCE, one)]
            references[f"[channels.{name}]"] = [*secrets]
        for place, found in references.items():
            for reference in found:
                if reference is not None:
                    self._try(place, partial(self._secret, reference))
        for section in planner.models:
            self._try("[planner]", partial(self._model, section))

    def _signer(self) -> None:
        self._workspace.signer()

    def _secret(self, reference: str) -> None:
        self._workspace.secret(reference)

    def _model(self, section: ModelSection) -> None:
        # The key is checked already, so a missing one must not hide what else is wrong.
        key = None if section.api_key is None else Secret("not read")
        make_model(section, key, make_knowledge(self._workspace))

    def places(self) -> None:
        """What pins each place for signed heads can be read; nobody is asked anything."""
        for section in self._settings.publishing.places:
            self._try("[publishing]", partial(self._place, section))

    def _place(self, section: PlaceSection) -> None:
        open_place(self._workspace, section)

    def connections(self) -> None:
        """Each connection is a safe one, with its secret; the first one needs the vault's key."""
        for name in self._settings.connections:
            self._try(f"[connections.{name}]", partial(self._connection, name))
        if self._settings.connections:
            self._try("[vault]", self._vault)

    def _connection(self, name: str) -> None:
        read_connection(self._workspace, name)

    def _vault(self) -> None:
        read_vault(self._workspace)

    def connectors(self) -> None:
        """Each connector can be made; its secrets are looked up apart from its other settings."""
        for name, table in self._settings.connector_tables.items():
            place = f"[connectors.{name}]"
            if not self._try(place, partial(self._connector, name, table)):
                self._unread.append(place)
            for value in cast("Mapping[str, object]", table).values():
                if isinstance(value, str) and _REFERENCE.match(value):
                    self._try(place, partial(self._secret, value))

    def _connector(self, name: str, table: Mapping[str, JsonValue]) -> None:
        # Secrets are checked already, so a missing one must not hide what else is wrong.
        self._actions += actions_of_connector(self._workspace, name, table)

    def own_actions(self) -> None:
        """Each Python file can be loaded, and its actions are defined rightly."""
        for pattern in self._settings.actions:
            for path in sorted(self._workspace.folder.glob(pattern)):
                place = self._name(path)
                if not self._try(place, partial(self._read_own_actions, path)):
                    self._unread.append(place)

    def _read_own_actions(self, path: Path) -> None:
        self._actions += actions_of_file(self._workspace, path)

    def policy(self) -> None:
        """The policy fits the actions. Names the files, since it is judged as a whole."""
        files = self._settings.policy.files
        place = ", ".join(files) if files else "the default policy"

        def work() -> None:
            actions = tuple(self._actions)
            draft = self._workspace.draft(actions)
            try:
                calendar = compile_here(self._workspace, draft, actions).calendar
            except ConfigError as error:
                if not self._unread:
                    raise
                raise _perhaps_only(error, self._unread[0]) from error
            self._draft = draft
            if calendar.ends_within(self._now):
                self.problems.append(
                    CheckProblem(
                        place="policies/holidays.txt",
                        code=Code.INVALID_POLICY,
                        message=f"its last holiday is {calendar.ends}; after it nobody knows which"
                        " day is one, so no permit that reads `holiday` is met",
                        next_step="add the holidays that come",
                        warning=True,
                    )
                )

        self._try(place, work)

    def playbooks(self) -> None:
        """Each playbook is valid, and plans actions that there are."""
        from sayso.agent.understanding.playbook import read_playbook  # loads the planner's parts

        folder = self._workspace.folder / self._settings.planner.playbooks
        names = [action.name for action in self._actions]
        for path in sorted(folder.glob("*.toml")):

            def work(path: Path = path) -> None:
                playbook = read_playbook(path.read_text("utf-8"), source=self._name(path))
                for step in playbook.steps:
                    if step.action not in names:
                        near = difflib.get_close_matches(step.action, names, 1)
                        raise ConfigError(
                            Code.INVALID_PLAYBOOK,
                            f"playbook `{self._name(path)}` plans `{step.action}`, "
                            "which no connector has",
                            next_step=f"did you mean `{near[0]}`?" if near else "correct `action`",
                        )

            self._try(self._name(path), work)

        def knowledge() -> None:
            make_knowledge(self._workspace)

        self._try("languages, playbooks and shop.toml", knowledge)

    def words(self) -> None:
        """Notes what the workspace's languages and the acts of its actions still lack."""
        from sayso.agent.understanding.checklist import lacking_acts, lacking_language
        from sayso.agent.understanding.pack import read_pack

        def note(place: str, why: str, step: str) -> None:
            self.problems.append(
                CheckProblem(
                    place=place,
                    code=Code.INVALID_PLAYBOOK,
                    message=why,
                    next_step=step,
                    warning=True,
                )
            )

        for path in sorted((self._workspace.folder / "languages").glob("*.toml")):
            try:
                pack = read_pack(path.read_text("utf-8"), source=self._name(path))
            except (OSError, UnicodeDecodeError, ConfigError):
                continue  # said already
            for why in lacking_language(pack, self._actions):
                note(self._name(path), why, "copy it from a shipped language, and translate it")
        for name, why in lacking_acts(self._actions):
            note(name, f"no words reach `{name}`: {why}", "see docs/how-to/add-an-act.md")

    def people(self) -> None:
        """Somebody holds each role; a role without anybody is worth knowing, and no error."""
        held = {role for person in self._settings.people if person.active for role in person.roles}
        for role in self._settings.approvals.roles:
            if role not in held:
                self.problems.append(
                    CheckProblem(
                        place="[[people]]",
                        code=Code.INVALID_SETTING,
                        message=f"nobody holds the role `{role}`, so nobody can give its yes",
                        next_step=f"give somebody the role under [[people]] in {FILE_NAME}",
                        warning=True,
                    )
                )

    async def database(self) -> None:
        """The database is there, has this version, and its log was signed by this key."""
        place = store_name(self._workspace)
        self.looked_at.append(place)
        self._files()
        # What a server or a verification has found: nothing is read for it here.
        for why, _ in read_alarms(self._workspace.state).values():
            self.problems.append(_problem(place, why))
        try:
            store = open_store(self._workspace)
            try:
                await self._check_key(store)
                await self._check_vault(store)
                await self._check_tokens(store)
                await self._check_orphans(store, place)
                await self._check_policy(store)
                await self._check_accounts(store)
                await self._check_replica(store)
            finally:
                await store.close()
        except SaysoError as error:
            self.problems.append(_problem(place, error))

    async def _check_accounts(self, store: Store) -> None:
        """Whose the ids are that were stored, and that each place of a link is somebody's."""
        try:
            registry = load_connectors(self._workspace, SystemClock())
            names = registry.accounts
        except SaysoError as error:
            if "customers" in error.message:
                self.problems.append(_problem("[customers]", error))
            return  # anything else is said already
        found = check_desks(self._workspace, registry)
        self.problems += [_problem(place, error) for place, error in found]
        for place, whose in self._settings.customers.links.items():
            for name in (place.partition(".")[0], whose):
                if name not in names.providers:
                    self.problems.append(_no_such_provider(place, name, sorted(names.providers)))
        try:
            said = self._settings.customers.default is not None
            await check_bare_ids(store, names, said=said, notes=False)
        except ConfigError as error:
            self.problems.append(_problem("[customers]", error))

    def _files(self) -> None:
        """The database and files of secrets are nobody else's on this machine."""
        for path in exposed_files(self._workspace):
            message, step = exposed_text(path)
            self.problems.append(
                CheckProblem(
                    place=path.name,
                    code=Code.INVALID_SETTING,
                    message=message,
                    next_step=step,
                    warning=True,
                )
            )

    async def _check_key(self, store: Store) -> None:
        tenant = Tenant(self._settings.workspace.tenant)
        row = await store.read(lambda reader: reader.one("log.key", tenant=tenant))
        if row is None:
            return
        try:
            signer = self._workspace.signer()
        except SaysoError:
            return  # said already
        name = f"{self._settings.workspace.name}/{tenant}"
        if text(row, "vkey") == self._next_vkey(name):
            self.problems.append(
                CheckProblem(
                    place="[signing]",
                    code=Code.INVALID_SETTING,
                    message="the log was handed over, and `signing.next_key` signs it",
                    next_step=FINISH_ROTATION,
                    warning=True,
                )
            )
        elif text(row, "vkey") != signer.named(name).vkey:
            raise ConfigError(
                Code.KEY_MISMATCH,
                f"`{store_name(self._workspace)}` was signed by another key, or for another "
                "`workspace.name`",
                next_step="bring back the key and the name with which it was made",
            )

    async def _check_vault(self, store: Store) -> None:
        """The vault's key opens what the database keeps of customers."""
        self.looked_at.append("[vault]")
        try:
            trouble = await vault_trouble(store, self._workspace.keyring())
        except ConfigError as error:
            trouble = error
        if trouble is not None:
            self.problems.append(_problem("[vault]", trouble))

    async def _check_replica(self, store: Store) -> None:
        """What auditors are answered from is a standby of this very database."""
        if self._settings.store.replica is None:
            return
        place = "[store] replica"
        self.looked_at.append(place)
        try:
            if isinstance(store, Replicated):
                await store.replica_age()
        except SaysoError as error:
            found = _problem(place, error)
            passing = isinstance(error, RetryableError)
            self.problems.append(replace(found, warning=True) if passing else found)

    def _next_vkey(self, name: str) -> str | None:
        try:
            successor = self._workspace.next_signer()
        except SaysoError:
            return None
        return None if successor is None else successor.named(name).vkey

    async def _check_tokens(self, store: Store) -> None:
        said = {problem.place for problem in self.problems}
        for name in self._settings.connections:
            place = f"[connections.{name}]"
            if not said & {place, "[vault]"}:
                try:
                    await check_token(self._workspace, name, store)
                except SaysoError as error:
                    self.problems.append(_problem(place, error))

    async def _check_orphans(self, store: Store, place: str) -> None:
        if self.known is None:
            return
        for one in await find_orphans(store, self.known):
            self.problems.append(
                CheckProblem(
                    place=place,
                    code=Code.UNKNOWN_ACTION,
                    message=one.message,
                    next_step=one.next_step,
                    warning=True,
                )
            )

    async def _check_policy(self, store: Store) -> None:
        """What is in force can be read, and the files say the same."""
        state = await read_state(store, self._draft)
        if state.differs:
            self.problems.append(
                CheckProblem(
                    place="[policy]",
                    code=Code.VERSION_MOVED,
                    message=state.sentence,
                    next_step=state.next_step,
                    warning=True,
                )
            )

    def _name(self, path: Path) -> str:
        return path.relative_to(self._workspace.folder).as_posix()


_FILE = "file:"


def exposed_files(workspace: Workspace) -> list[Path]:
    """The database, the files beside it, and files of secrets that are open to others."""
    return [path for path in dict.fromkeys(_private(workspace)) if is_open_to_others(path)]


def exposed_text(path: Path) -> tuple[str, str]:
    """What is wrong with such a file, and the next step."""
    return f"`{path.name}` can be read by every user of this machine", f"chmod 600 {path}"


def _private(workspace: Workspace) -> Iterator[Path]:
    for reference in _references(workspace.settings.model_dump()):
        yield workspace.folder / reference.removeprefix(_FILE)
    try:
        database = workspace.store_path
    except SaysoError:
        return  # on a server, or not known
    for ending in ("", "-wal", "-shm"):
        yield database.with_name(database.name + ending)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, str) and value.startswith(_FILE):
        yield value
    elif isinstance(value, Mapping):
        for one in cast("Mapping[str, object]", value).values():
            yield from _references(one)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for one in cast("Sequence[object]", value):
            yield from _references(one)
