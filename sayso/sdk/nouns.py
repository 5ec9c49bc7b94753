"""What an open workspace has: its nouns, each asked for by the name that it has everywhere."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sayso.errors import Code, ConfigError

if TYPE_CHECKING:
    # Loaded where they are used: no process needs them all, and each costs every start.
    from sayso.connectors.email.connector import EmailConnector
    from sayso.ids import Tenant
    from sayso.sdk.audit.audit import Audit
    from sayso.sdk.audit.index import LogIndexes
    from sayso.sdk.audit.repairs import RepairResource
    from sayso.sdk.background.rejected_calls import RejectedCalls
    from sayso.sdk.container import Container
    from sayso.sdk.desk.resource import DeskResource
    from sayso.sdk.inbound.resource import InboundResource
    from sayso.sdk.privacy.privacy import Privacy
    from sayso.sdk.push.browsers import BrowserResource
    from sayso.sdk.resources.account_link import AccountLinkResource
    from sayso.sdk.resources.accounts import AccountResource
    from sayso.sdk.resources.actions import ActionResource
    from sayso.sdk.resources.analysis import AnalysisResource
    from sayso.sdk.resources.approvals import ApprovalResource
    from sayso.sdk.resources.authentication import Authentication
    from sayso.sdk.resources.canaries import CanaryResource
    from sayso.sdk.resources.compose import ComposeResource
    from sayso.sdk.resources.confirmations import ConfirmationResource
    from sayso.sdk.resources.customers import CustomerResource
    from sayso.sdk.resources.evaluations import EvaluationResource
    from sayso.sdk.resources.events import EventResource
    from sayso.sdk.resources.identity import Identity
    from sayso.sdk.resources.limits import LimitResource
    from sayso.sdk.resources.oidc import OidcResource
    from sayso.sdk.resources.outbox import OutboxResource
    from sayso.sdk.resources.passkeys import PasskeyResource
    from sayso.sdk.resources.people import People
    from sayso.sdk.resources.policy import PolicyResource
    from sayso.sdk.resources.processes import ProcessResource
    from sayso.sdk.resources.prompts import PromptResource
    from sayso.sdk.resources.requests import RequestResource
    from sayso.sdk.resources.rollout import RolloutResource
    from sayso.sdk.resources.sessions import SessionResource
    from sayso.sdk.resources.solutions import SolutionResource
    from sayso.sdk.resources.staff import StaffResource
    from sayso.sdk.resources.statistics import StatisticsResource
    from sayso.sdk.resources.stops import StopResource
    from sayso.sdk.resources.suggestions import SuggestionResource
    from sayso.sdk.resources.tokens import Tokens
    from sayso.sdk.resources.work import WorkResource
    from sayso.sdk.webhooks.resource import WebhookResource
    from sayso.sdk.workspace import Workspace


class Nouns:
    """The nouns of a workspace, which are there while it is open; see `Sayso`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._container: Container | None = None
        self._identity: Identity | None = None
        self._oidc: OidcResource | None = None
        self._indexes: LogIndexes | None = None

    @property
    def container(self) -> Container:
        """The wired floors, for this package and its tests; surfaces ask the resources below.

        Raises:
            ConfigError: `store_unavailable`, outside of `async with`.
        """
        if self._container is None:
            raise ConfigError(
                Code.STORE_UNAVAILABLE,
                "the workspace is not open",
                next_step="use `async with Sayso.open(…) as sayso:`",
            )
        return self._container

    def now(self) -> datetime:
        """The moment by the workspace's clock, aware UTC."""
        return self.container.clock.now()

    # ---- the nouns -----------------------------------------------------------------------------

    @property
    def workspace(self) -> Workspace:
        """The folder and its settings."""
        return self._workspace

    @property
    def tenant(self) -> Tenant:
        """The workspace's own tenant."""
        return self.container.tenant

    @property
    def requests(self) -> RequestResource:
        """What customers asked for in words."""
        from sayso.sdk.resources.requests import RequestResource

        return RequestResource(self.container)

    @property
    def actions(self) -> ActionResource:
        """What was proposed, and what became of it."""
        from sayso.sdk.resources.actions import ActionResource

        return ActionResource(self.container)

    @property
    def approvals(self) -> ApprovalResource:
        """What waits for people, and what they say."""
        from sayso.sdk.resources.approvals import ApprovalResource

        return ApprovalResource(self.container)

    @property
    def solutions(self) -> SolutionResource:
        """What waits for people, one item for each plan, and their answers."""
        from sayso.sdk.resources.solutions import SolutionResource

        return SolutionResource(self.container, self._workspace)

    @property
    def compose(self) -> ComposeResource:
        """What a colleague puts together for a customer, and proposes as themselves."""
        from sayso.sdk.resources.compose import ComposeResource

        return ComposeResource(self.container)

    @property
    def canaries(self) -> CanaryResource:
        """Test cards against tired eyes: for surfaces on which people read what they answer."""
        from sayso.sdk.resources.canaries import CanaryResource

        return CanaryResource(self.container, self._workspace)

    @property
    def stops(self) -> StopResource:
        """The kill switch."""
        from sayso.sdk.resources.stops import StopResource

        return StopResource(self.container)

    @property
    def events(self) -> EventResource:
        """Every change of requests and actions."""
        from sayso.sdk.resources.events import EventResource

        return EventResource(self.container)

    @property
    def passkeys(self) -> PasskeyResource:
        """The passkeys of people, and which yes needs one."""
        from sayso.sdk.resources.passkeys import PasskeyResource

        return PasskeyResource(self.container, self._workspace)

    @property
    def oidc(self) -> OidcResource:
        """Signing in to the console by your company's provider."""
        from sayso.sdk.resources.oidc import OidcResource

        if self._oidc is None:
            self._oidc = OidcResource(self.container, self._workspace)
        return self._oidc

    @property
    def accounts(self) -> AccountResource:
        """Whose accounts are used, and how their connections are."""
        from sayso.sdk.resources.accounts import AccountResource

        return AccountResource(self.container, self._workspace)

    @property
    def customers(self) -> CustomerResource:
        """Finds customers, shows their accounts and what ties these, links and unlinks."""
        from sayso.sdk.resources.customers import CustomerResource

        return CustomerResource(self.container)

    @property
    def account_links(self) -> AccountLinkResource:
        """Accounts in chats that become somebody's."""
        from sayso.sdk.resources.account_link import AccountLinkResource

        return AccountLinkResource(self.container)

    @property
    def sessions(self) -> SessionResource:
        """People who are signed in to the console."""
        from sayso.sdk.resources.sessions import SessionResource

        return SessionResource(self.container)

    @property
    def statistics(self) -> StatisticsResource:
        """What was done by itself and by people, over some days."""
        from sayso.sdk.resources.statistics import StatisticsResource

        return StatisticsResource(self.container)

    @property
    def processes(self) -> ProcessResource:
        """The processes that serve and work, by what each has said of itself."""
        from sayso.sdk.resources.processes import ProcessResource

        return ProcessResource(self.container.store, self.container.clock)

    @property
    def work(self) -> WorkResource:
        """What machines leave to people: takes, notes, and ends it."""
        from sayso.sdk.resources.work import WorkResource

        return WorkResource(self.container)

    @property
    def tokens(self) -> Tokens:
        """Makes, lists and revokes bearer tokens."""
        return self.container.tokens

    @property
    def authentication(self) -> Authentication:
        """Whose token a call carries."""
        return self.container.authentication

    @property
    def rejected_calls(self) -> RejectedCalls:
        """Counts what a surface refuses by itself, and tells the log."""
        return self.container.rejected_calls

    @property
    def outbox(self) -> OutboxResource:
        """What surfaces still have to tell."""
        from sayso.sdk.resources.outbox import OutboxResource

        return OutboxResource(self.container)

    @property
    def post(self) -> EmailConnector | None:
        """What writes e-mails to people of ours; None where `[connectors.email]` is not set up."""
        from sayso.connectors.email.connector import EmailConnector  # only who writes needs it

        connectors = self.container.connectors
        found = connectors.connector("email") if "email" in connectors.names else None
        return found if isinstance(found, EmailConnector) else None

    @property
    def webhooks(self) -> WebhookResource:
        """The programs that are called with every change."""
        from sayso.sdk.webhooks.resource import WebhookResource

        return WebhookResource(self.container, self._workspace)

    @property
    def browsers(self) -> BrowserResource:
        """The browsers in which people are told by web push."""
        from sayso.sdk.push.browsers import BrowserResource

        return BrowserResource(self.container, self._workspace)

    @property
    def identity(self) -> Identity:
        """Who the customer is, by a platform's signed word."""
        from sayso.sdk.resources.identity import Identity

        if self._identity is None:
            self._identity = Identity(self.container, self._workspace)
        return self._identity

    @property
    def inbound(self) -> InboundResource:
        """Hears providers' webhooks."""
        from sayso.sdk.inbound.resource import InboundResource

        return InboundResource(self.container, self._workspace)

    @property
    def desks(self) -> DeskResource:
        """Where customers write and colleagues sit."""
        from sayso.sdk.desk.resource import DeskResource

        return DeskResource(self.container, self._workspace)

    @property
    def confirmations(self) -> ConfirmationResource:
        """The pages behind the links in customers' mails."""
        from sayso.sdk.resources.confirmations import ConfirmationResource

        return ConfirmationResource(self.container)

    @property
    def people(self) -> People:
        """Who the people are by the log, and what is said of them there."""
        return self.container.people

    @property
    def staff(self) -> StaffResource:
        """Who works here, changed by the people themselves: two where it gives a power."""
        from sayso.sdk.resources.staff import StaffResource

        return StaffResource(self.container, self._workspace)

    @property
    def audit(self) -> Audit:
        """Queries, verifies and exports the log."""
        from sayso.sdk.audit.audit import Audit
        from sayso.sdk.audit.index import LogIndexes

        if self._indexes is None:
            self._indexes = LogIndexes(self._workspace.state / ".sayso" / "index")
        return Audit(self.container, self._workspace, self._indexes)

    @property
    def repairs(self) -> RepairResource:
        """The way out for a log that is accused for its rows or by the rules."""
        from sayso.sdk.audit.repairs import RepairResource  # only a repair needs the verifier

        audit = self.audit
        return RepairResource(self.container, lambda tenant: audit.verify(tenant=tenant))

    @property
    def policy(self) -> PolicyResource:
        """The policy: what is in force, what the files say, who may change it."""
        from sayso.sdk.resources.policy import PolicyResource

        return PolicyResource(self.container, self._workspace)

    @property
    def limits(self) -> LimitResource:
        """The limits in force, how much of each is used, and their caps."""
        from sayso.sdk.resources.limits import LimitResource

        return LimitResource(self.container, self.policy)

    @property
    def rollout(self) -> RolloutResource:
        """How far each action may go by itself, and how often shadow agrees with people."""
        from sayso.sdk.resources.rollout import RolloutResource

        return RolloutResource(self.container, self.policy)

    @property
    def prompts(self) -> PromptResource:
        """Which prompt models get, and a candidate for a part of the requests."""
        from sayso.sdk.resources.prompts import PromptResource

        return PromptResource(self.container, self._workspace)

    @property
    def evaluations(self) -> EvaluationResource:
        """Measures planners on labelled messages, and says why a message is planned as it is."""
        from sayso.sdk.resources.evaluations import EvaluationResource

        return EvaluationResource(self.container, self._workspace)

    @property
    def analysis(self) -> AnalysisResource:
        """Tests of the policy, why something was judged so, what a change does."""
        from sayso.sdk.resources.analysis import AnalysisResource

        return AnalysisResource(self.container, self._workspace, self.policy)

    @property
    def suggestions(self) -> SuggestionResource:
        """Drafts from what people decided; a person looks, and puts them in force."""
        from sayso.sdk.resources.suggestions import SuggestionResource

        return SuggestionResource(self.container, self._workspace, self.analysis, self.rollout)

    @property
    def privacy(self) -> Privacy:
        """Erases customers, shows them what is held, keeps legal holds, sweeps what is old."""
        from sayso.sdk.privacy.privacy import Privacy

        return Privacy(self.container, self._workspace)
