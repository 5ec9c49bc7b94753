"""A workspace: the folder that a team keeps in git, with `sayso.toml` in it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sayso.actions.model.definition import Action, Fact
from sayso.actions.policy.document import PolicyDocument, PolicyRules
from sayso.audit.authority.keyring import Keyring, root_of_signer, root_of_text
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.audit.signing.keys import LogSigner
from sayso.connectors.vault import MAKE_A_KEY
from sayso.errors import Code, ConfigError, RefusedError
from sayso.frozen import replace
from sayso.secret import Secret, resolve_reference
from sayso.settings import FILE_NAME, Settings, VaultSection, read_settings
from sayso.settings.store import HOME_DATABASE, StoreSection
from sayso.store.private_files import PRIVATE_FILE, make_private_folder
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.actions.policy.reading import ReadPolicy  # brings Cedar along

DATABASE_VARIABLE = "SAYSO_DATABASE"
_DRAFT_NAME = re.compile(r"policies/[a-z0-9][a-z0-9_.-]{0,60}\.(?:cedar|toml|txt)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A folder with its settings and the variables its references may name.

    Attributes:
        folder: absolute.
        environment: where `env:` references look.
        database: which of `[store.databases]` the rows are in; empty for `[store] url`, where the
            operator's log goes on. Every other one has a copy of that log.
    """

    folder: Path
    settings: Settings
    environment: Mapping[str, str]
    database: str = ""

    @classmethod
    def load(cls, path: Path, environment: Mapping[str, str]) -> Workspace:
        """Read a workspace from its folder or from its sayso.toml.

        `SAYSO_DATABASE` names which of its databases is meant, `home` unless it does.

        Raises:
            ConfigError: `no_workspace`, `invalid_setting`.
        """
        file = path / FILE_NAME if path.is_dir() else path
        home = cls(
            folder=file.parent.absolute(), settings=read_settings(file), environment=environment
        )
        named = environment.get(DATABASE_VARIABLE, "")
        return home.in_database(named) if named else home

    @property
    def copies(self) -> Mapping[str, str]:
        """Of whose logs the database has a copy alone, and in which database each goes on."""
        return {self.settings.workspace.tenant: HOME_DATABASE} if self.database else {}

    @property
    def has_several(self) -> bool:
        """Whether tenants are in several databases."""
        return bool(self.database or self.settings.store.databases)

    def in_database(self, name: str) -> Workspace:
        """The same workspace with its rows in another of its databases.

        Raises:
            ConfigError: `invalid_setting`, when there is none of that name.
        """
        if name == (self.database or HOME_DATABASE):
            return self
        store = self.settings.store
        if name not in store.databases:
            there = ", ".join([HOME_DATABASE, *sorted(store.databases)])
            raise ConfigError(
                Code.INVALID_SETTING,
                f"there is no database `{name[:40]}` among [store.databases]",
                next_step=f"name one of {there}, or add it",
            )
        section = StoreSection(url=store.databases[name], region=store.region)
        settings = self.settings.model_copy(update={"store": section})
        return replace(self, settings=settings, database=name)

    @property
    def state(self) -> Path:
        """The folder in which is kept, below `.sayso`, what processes know of this database."""
        if not self.database:
            return self.folder
        return self.folder / ".sayso" / "databases" / self.database

    @property
    def store_url(self) -> str:
        """Where the rows are, with references followed; may hold a password.

        Raises:
            ConfigError: `missing_secret`, `invalid_setting`.
        """
        return self._url_of("store.url", self.settings.store.url)

    @property
    def replica_url(self) -> str | None:
        """Where is read for whoever only looks, as `store_url`; None where there is no replica."""
        url = self.settings.store.replica
        return None if url is None else self._url_of("store.replica", url)

    def _url_of(self, setting: str, url: str) -> str:
        if not url.startswith(("env:", "file:")):
            return url
        found = self.secret(url).reveal()
        if not found.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ConfigError(
                Code.INVALID_SETTING,
                f"`{setting}`: what `{url}` holds is no URL of a database",
                next_step="write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
            )
        return found

    @property
    def segments_path(self) -> Path:
        """The folder of the sealed segments' files, with a folder for each tenant."""
        return self.folder / self.settings.retention.segments

    @property
    def store_path(self) -> Path:
        """The SQLite file.

        Raises:
            ConfigError: `invalid_setting`, when the rows are on PostgreSQL.
        """
        url = self.store_url
        if not url.startswith("sqlite:///"):
            raise ConfigError(
                Code.INVALID_SETTING,
                "this needs a SQLite file, and `store.url` names a PostgreSQL server",
                next_step="set `store.url` to sqlite:///FILE",
            )
        return self.folder / url.removeprefix("sqlite:///")

    def secret(self, reference: str) -> Secret:
        """The secret behind a reference.

        Raises:
            ConfigError: `missing_secret`.
        """
        return resolve_reference(reference, environment=self.environment, base=self.folder)

    def signer(self) -> LogSigner:
        """The key that signs the log.

        Raises:
            ConfigError: `missing_secret`, `invalid_setting`, `missing_extra`.
        """
        section = self.settings.signing
        return self._signer(section.key, section.public_key, "signing.public_key")

    def next_signer(self) -> LogSigner | None:
        """The key that signs the log once it is handed over; None when there is none yet.

        Raises:
            ConfigError: `missing_secret`, `invalid_setting`, `missing_extra`.
        """
        section = self.settings.signing
        if section.next_key is None:
            return None
        return self._signer(section.next_key, section.next_public_key, "signing.next_public_key")

    def keyring(self) -> Keyring:
        """The key outside the database: it makes tokens count, and opens what is sealed of people.

        Raises:
            ConfigError: `missing_secret`, `invalid_setting`, `missing_extra`.
        """
        section = self.settings.vault
        try:
            return self._keyring(section)
        except ConfigError as error:
            if error.code is not Code.MISSING_SECRET or section.key.startswith("kms:"):
                raise
            raise ConfigError(
                error.code,
                error.message,
                next_step=f"bring back the one that was there; for a new workspace make one: "
                f"`{MAKE_A_KEY}`, into that file, readable for this user only",
            ) from error

    def _keyring(self, section: VaultSection) -> Keyring:
        older = [root_of_text(self.secret(one).reveal()) for one in section.older_keys]
        if section.key.startswith("kms:"):
            signer = self._signer(section.key, section.public_key, "vault.public_key")
            return Keyring(root_of_signer(signer), older)
        return Keyring(root_of_text(self.secret(section.key).reveal()), older)

    def _signer(self, reference: str, public_key: str | None, setting: str) -> LogSigner:
        if reference.startswith("kms:"):
            from sayso.audit.signing.kms import open_kms_signer  # needs an extra

            name, address = self.settings.workspace.name, reference.removeprefix("kms:")
            return open_kms_signer(name, address, public_key, setting)
        return Ed25519Signer.from_text(self.secret(reference).reveal())

    @property
    def signed_facts(self) -> dict[str, Fact]:
        """The facts that callers sign, of every action."""
        return {
            name: Fact(
                type=fact.type,
                words=fact.words,
                missing=fact.missing,
                on_demand=True,  # an action that no rule about it judges does without
                signed=True,
            )
            for name, fact in self.settings.facts.signed.items()
        }

    def draft(
        self, actions: tuple[Action, ...], given: Mapping[str, str] | None = None
    ) -> PolicyDocument:
        """The policy that the files and sayso.toml say: what the next version would be.

        Args:
            actions: those of the program, whose facts the rules read.
            given: see `policy_texts`.

        Raises:
            ConfigError: `invalid_setting` for a pattern that matches no file, `invalid_action` for
                facts that cannot be read by rules. Whether the rules are right is another question:
                see `compile_policy`.
            RefusedError: as `policy_texts`.
        """
        # Cedar loads when it is used.
        from sayso.actions.policy.calendar import read_calendar
        from sayso.actions.policy.cedar import read_default_policy
        from sayso.actions.policy.cedar_schema import schema_text
        from sayso.actions.policy.reading import is_test

        section, approvals = self.settings.policy, self.settings.approvals
        base = {} if section.files else read_default_policy(action.connector for action in actions)
        files = base | self.policy_texts(given)
        zone = self.settings.workspace.time_zone
        return PolicyDocument(
            files={name: text for name, text in files.items() if not is_test(name)},
            rules=PolicyRules(
                roles=approvals.roles,
                max_people=approvals.max_people,
                activate=section.activate,
                loosening_needs=section.loosening_needs,
                confirm=section.confirm,
                time_zone=zone,
                zone_sha256=read_calendar(zone).sha256,
            ),
            schema=schema_text(actions),
        )

    def policy_texts(self, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """The texts of the policy's files, tests included; none where the default one is used.

        Args:
            given: texts that stand in place of the files of these names; an empty one for no file.

        Raises:
            ConfigError: `invalid_setting` for a pattern that matches no file.
            RefusedError: `invalid_input`, for a name that no file of the policy has.
        """
        patterns = self.settings.policy.files
        found = self.texts(patterns, "policy") if patterns else {}
        for name in given or {}:
            if name not in found and not _DRAFT_NAME.fullmatch(name):
                raise RefusedError(
                    Code.INVALID_INPUT,
                    f"`{plain(name, limit=80)}` is no name of a file of the policy",
                    next_step="name it such as policies/refunds.toml",
                )
        found |= given or {}
        return {name: text for name, text in found.items() if text or name not in (given or {})}

    def texts(self, patterns: tuple[str, ...], what: str) -> dict[str, str]:
        """The texts of the workspace's files that match, by relative name.

        Raises:
            ConfigError: `invalid_setting`, when a pattern matches nothing.
        """
        found: dict[str, str] = {}
        for pattern in patterns:
            files = sorted(file for file in self.folder.glob(pattern) if file.is_file())
            if not files:
                raise ConfigError(
                    Code.INVALID_SETTING,
                    f"no {what} file matches `{pattern}`",
                    next_step=f"add one, or correct `{what}` in {FILE_NAME}",
                )
            for file in files:
                found[file.relative_to(self.folder).as_posix()] = file.read_text(encoding="utf-8")
        return found


def unsigned_facts(workspace: Workspace) -> frozenset[str]:
    """The facts of `[facts.signed]` that nobody can sign, since no issuer is set up."""
    settings = workspace.settings
    return frozenset() if settings.identity else frozenset(settings.facts.signed)


def compile_policy(document: PolicyDocument, actions: tuple[Action, ...]) -> ReadPolicy:
    """A policy that can be asked, of a document and the actions of this program.

    Raises:
        ConfigError: `invalid_policy`, with file, rule and the next step.
    """
    from sayso.actions.policy.reading import read_policy  # Cedar loads when used

    return read_policy(document, actions)


def compile_here(
    workspace: Workspace, document: PolicyDocument, actions: tuple[Action, ...]
) -> ReadPolicy:
    """The same of a workspace's policy, which has to hold in each of its databases.

    Raises:
        ConfigError: `invalid_policy`, also for what counts tenants that are in several databases.
    """
    read = compile_policy(document, actions)
    if not workspace.has_several:
        return read
    together = [f"the limit `{one.id}`" for one in read.limits.limits if one.across]
    together += [] if read.dials.is_open else ["the roll-out"]
    if together:
        raise ConfigError(
            Code.INVALID_POLICY,
            f"{together[0]} counts all tenants together, and they are in several databases, each of"
            " which would count for itself",
            next_step='have it count each tenant, without `across = "tenants"` and `of ='
            ' "workspace"`, or keep all tenants in one database',
        )
    return read


def write_secret_file(path: Path, content: str) -> None:
    """Write a new file that only its owner can read, and its folder; never over an existing one.

    Raises:
        OSError: it cannot be written; it is not there then.
    """
    make_private_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
    except BaseException:  # half a key would be in the way of a whole one
        path.unlink(missing_ok=True)
        raise
