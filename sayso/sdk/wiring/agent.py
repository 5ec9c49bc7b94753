"""The agent floor of an open workspace, loaded with the first request.

LangGraph takes about a second to import; whoever only proposes, decides or reads never pays it.
"""

from __future__ import annotations

import asyncio
import secrets
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from sayso.actions.customers.accounts import Accounts
from sayso.actions.engine.proposals import Proposals
from sayso.actions.model.definition import Action
from sayso.agent.code_links import CodeLinks
from sayso.agent.customer_records import CustomerRecords
from sayso.agent.phrases import DEFAULT_LANGUAGE
from sayso.agent.requests import Requests
from sayso.audit.authority.keyring import Keyring
from sayso.audit.personal import Personal
from sayso.connectors.contacts import Contacts
from sayso.connectors.registry import Connectors
from sayso.errors import Code, ConfigError
from sayso.ids import Clock, Tenant
from sayso.sdk.workspace import Workspace
from sayso.secret import Secret
from sayso.settings.planner import BudgetSection, ModelSection
from sayso.store.base import Store
from sayso.telemetry import Telemetry

if TYPE_CHECKING:
    from sayso.agent.base import Message, Planner
    from sayso.agent.incoming import Bearing
    from sayso.agent.model_calls import ModelSettings
    from sayso.agent.models import ModelPlanner
    from sayso.agent.runner import Runner
    from sayso.agent.step_up import StepUp
    from sayso.agent.understanding import Knowledge


class AgentFloor:
    """Makes the planners and the runner when they are first needed."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        store: Store,
        requests: Requests,
        proposals: Proposals,
        connectors: Connectors,
        accounts: Accounts,
        clock: Clock,
        telemetry: Telemetry,
        personal: Personal,
        keyring: Keyring,
        planner: Planner | None = None,
    ) -> None:
        self._planner = planner
        self._accounts = accounts
        self._personal = personal
        self._keyring = keyring
        self._step_up: StepUp | None = None
        customers = workspace.settings.customers
        self.links = CodeLinks(keyring=keyring, url=customers.url, shop=customers.shop)
        self._workspace = workspace
        self._store = store
        self._requests = requests
        self._proposals = proposals
        self._connectors = connectors
        self.records = CustomerRecords(accounts=accounts, records=connectors)
        self._clock = clock
        self._telemetry = telemetry
        self._knowledge: Knowledge | None = None
        self._lock = asyncio.Lock()
        self._runner: Runner | None = None
        self._warming = asyncio.Lock()
        # NOTE: LangChain imports `requests`, which keeps this quiet by a filter that another thread
        # may be putting back at that moment; set here, it stands before any thread begins.
        warnings.filterwarnings("ignore", message="SOCKS support in urllib3")
        self._warm = False

    def ready(self) -> Planner:
        """The planner, made when it is first asked for; no connection is opened yet.

        Raises:
            ConfigError: `invalid_playbook`, `missing_extra`, `missing_secret`, `invalid_setting`.
        """
        if self._planner is None:
            self._planner = make_planner(self._workspace, self.knowledge())
        return self._planner

    def language(self, messages: Sequence[Message]) -> str:
        """The language of a conversation; English for an empty one."""
        from sayso.agent.understanding import language_of  # read with the first request

        return language_of(messages, self.knowledge()) if messages else DEFAULT_LANGUAGE

    def takes_back(self, words: str, before: Sequence[Message] = ()) -> bool:
        """Whether a message clearly takes back what was asked for in its thread.

        Args:
            before: what was written before it, by which its language is known.
        """
        from sayso.agent.base import Message  # read with the first request
        from sayso.agent.understanding import takes_back

        newest = Message(role="customer", content=words)
        return bool(words.strip()) and takes_back([*before, newest], self.knowledge())

    def bearing(self, words: str, before: Sequence[Message] = ()) -> Bearing | None:
        """How a message bears on what was asked before it in its thread; None where it does not.

        Args:
            before: what was written before it, by which its language is known.
        """
        from sayso.agent.base import Message  # read with the first request
        from sayso.agent.understanding import bearing_of

        newest = Message(role="customer", content=words)
        return bearing_of([*before, newest], self.knowledge()) if words.strip() else None

    def knowledge(self) -> Knowledge:
        """The languages, playbooks and words of the workspace, read when first asked for.

        Raises:
            ConfigError: `invalid_playbook`.
        """
        if self._knowledge is None:
            made = make_knowledge(self._workspace, self._connectors.actions)
            self._knowledge = replace(made, today=lambda: self._clock.now().date())
        return self._knowledge

    def check(self) -> None:
        """Read what the workspace itself says of planning; what comes with Sayso needs no look.

        Raises:
            ConfigError: see `ready`.
        """
        folder, section = self._workspace.folder, self._workspace.settings.planner
        own = (folder / "languages", folder / section.playbooks, folder / "shop.toml")
        if section.models or any(path.exists() for path in own):
            self.ready()

    async def expects_words(self) -> bool:
        """Whether this workspace will be asked in words, as far as can be told.

        It won't where it has acted and nobody ever asked in words, no model plans, and no desk is
        read.
        """
        settings = self._workspace.settings
        if settings.planner.models or settings.desk:
            return True
        row = await self._store.read(lambda reader: reader.one("request.used"))
        return row is None or bool(row["asked"]) or not row["acted"]

    async def warm(self) -> None:
        """Load, read and connect what the first request would, once; a second call waits for it."""
        await self.connect()
        await self._open()

    async def connect(self) -> None:
        """Open what the providers' first calls would, once; a second call waits for it.

        A provider that does not answer now is no error: the request that needs it says so.
        """
        async with self._warming:
            if not self._warm:
                await self._connectors.warm()
                self._warm = True

    async def advance(self, tenant: Tenant, request_id: str) -> None:
        """See `Runner.advance`."""
        runner = await self._open()
        await runner.advance(tenant, request_id)

    async def sent(self) -> None:
        """Wait until the codes that are on their way have left."""
        if self._step_up is not None:
            await self._step_up.sent()

    async def close(self) -> None:
        """Let codes that are on their way leave, and close the connections of the models."""
        await self.sent()
        if self._workspace.settings.planner.models and self._planner is not None:
            from sayso.agent.chain import close_models  # loaded where a model plans

            await close_models(self._planner)

    async def _open(self) -> Runner:
        async with self._lock:
            if self._runner is None:
                self._runner = await self._build()
            return self._runner

    async def _build(self) -> Runner:
        # Others are answered meanwhile.
        await asyncio.to_thread(import_module, "sayso.agent.runner")
        knowledge = await asyncio.to_thread(self.knowledge)
        await asyncio.to_thread(knowledge.prepare)
        from sayso.agent.runner import Runner  # a heavy import: see the module's docstring
        from sayso.agent.step_up import StepUp  # likewise

        self._step_up = StepUp(
            store=self._store,
            requests=self._requests,
            accounts=self._accounts,
            senders=Contacts(self._connectors),
            personal=self._personal,
            keyring=self._keyring,
            clock=self._clock,
            entropy=secrets.token_bytes,
            quiet_days=self._workspace.settings.customers.address_quiet_days,
            links=self.links,
        )
        return Runner(
            step_up=self._step_up,
            store=self._store,
            requests=self._requests,
            proposals=self._proposals,
            registry=self._connectors,
            records=self.records,
            planner=self.ready(),
            knowledge=knowledge,
            confirm=self._workspace.settings.planner.confirm,
            budget=self._workspace.settings.planner.budget,
            region_of=self._workspace.settings.workspace.region_of,
            clock=self._clock,
            telemetry=self._telemetry,
        )


def make_knowledge(workspace: Workspace, actions: Sequence[Action] | None = None) -> Knowledge:
    """The languages, playbooks and words of a workspace.

    Args:
        actions: what is connected; None counts every action as connected.

    Raises:
        ConfigError: `invalid_playbook`.
    """
    from sayso.agent.understanding.planner import load_knowledge  # read with the first request

    folder = workspace.settings.planner.playbooks
    return load_knowledge(workspace.folder, playbooks=folder, actions=actions)


def make_planner(workspace: Workspace, knowledge: Knowledge) -> Planner:
    """Playbooks, then each model that sayso.toml names.

    Raises:
        ConfigError: `missing_extra`, `missing_secret`, `invalid_setting`.
    """
    from sayso.agent.understanding.planner import PlaybookPlanner  # with the first request

    section = workspace.settings.planner
    playbooks = PlaybookPlanner(knowledge=knowledge)
    if not section.models:
        return playbooks
    from sayso.agent.chain import PlannerChain

    models = [
        make_model(one, None if one.api_key is None else workspace.secret(one.api_key), knowledge)
        for one in section.models
    ]
    _check_budget(section.budget, models)
    return PlannerChain(planners=(playbooks, *models))


def make_model(section: ModelSection, key: Secret | None, knowledge: Knowledge) -> ModelPlanner:
    """The model that the section names; no connection is opened yet.

    Raises:
        ConfigError: `missing_extra`, `invalid_setting`.
    """
    from sayso.agent.models import open_model  # only where a model plans

    return open_model(model_settings(section, key), knowledge)


def model_settings(section: ModelSection, key: Secret | None) -> ModelSettings:
    """The settings of the model that the section names."""
    from sayso.agent.model_calls import ModelSettings
    from sayso.agent.spending import price_of

    assert section.model is not None, "without a name there is no model"
    return ModelSettings(
        model=section.model,
        base_url=section.base_url,
        api_key=key,
        timeout_s=section.timeout_s,
        max_calls=section.max_calls,
        max_output_tokens=section.max_output_tokens,
        region=section.region,
        cache=section.cache,
        price=price_of(section),
    )


def _check_budget(budget: BudgetSection, models: Iterable[ModelPlanner]) -> None:
    """A budget in money holds only where every model has a price."""
    if budget == BudgetSection():
        return
    for one in models:
        if not one.settings.price.output:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"[planner.budget] cannot hold: nobody says what `{one.settings.model}` costs",
                next_step="set micro_usd_per_million_in and micro_usd_per_million_out beside it",
            )
