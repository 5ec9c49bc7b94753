"""Tells one row of the outbox in each browser of whoever it is for, once in each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from sayso.actions.approvals.repository import OUTBOX_TOPIC, ApprovalStatus
from sayso.actions.controls.kill_switch import STOP_TOPIC
from sayso.connectors.retry import RetryPolicy
from sayso.errors import Code, RetryableError
from sayso.json import JsonValue
from sayso.sdk.background.telling import Tell
from sayso.sdk.chat.calls import Summons, call_of, together
from sayso.sdk.client import Sayso
from sayso.sdk.localization.languages import Language, language
from sayso.sdk.push.browsers import Browser
from sayso.sdk.push.message import Encrypter, Pushed, hand_over
from sayso.sdk.push.notices import (
    Notice,
    call_notice,
    card_notice,
    people_asked,
    people_tested,
    stop_notice,
)
from sayso.sdk.push.settings import CHANNEL, PushSettings
from sayso.sdk.resources.calling import CALLED_TOPIC
from sayso.sdk.resources.canaries import CANARY_TOPIC
from sayso.sdk.resources.outbox import OutboxRow
from sayso.sdk.views.solution import SolutionView

logger = logging.getLogger("sayso.push")

_GIVE_UP_AFTER = 30
"""Tries of a row, each two minutes after the one before: what is an hour old is in the inbox."""
_MOST_DUE = 100
_REST = timedelta(seconds=100)
"""So long a push service that has not answered is not called: less than until a row is due again,
so that whoever it keeps waiting waits once, and not for each row."""
_HandOver = Callable[[Browser, bytes, dict[str, str]], Awaitable[Pushed]]
Kept = dict[str, JsonValue]


class Pusher:
    """Pushes for one workspace. Any number of processes may run one.

    Guarantees: at least once in each browser that takes it, for each revision of a card; what one
    browser does not take holds up no other, and who is not active is told nothing.

    Args:
        policy: how often a push service that cannot take it now is asked again at once.
        over: hands a push over; over the network unless a test says otherwise.
        encrypter: makes what goes to a push service.
        at_once: browsers that are called at the same time: each takes a descriptor of this process.
    """

    def __init__(
        self,
        sayso: Sayso,
        settings: PushSettings,
        *,
        policy: RetryPolicy | None = None,
        over: _HandOver | None = None,
        encrypter: Encrypter | None = None,
        at_once: int = 50,
    ) -> None:
        self._sayso = sayso
        self._settings = settings
        self._policy = policy or RetryPolicy()
        section = sayso.workspace.settings.webhooks
        self._over: _HandOver = over or partial(hand_over, section=section)
        self._encrypter = encrypter or Encrypter(settings.contact)
        self._places = asyncio.Semaphore(at_once)
        self._silent: dict[str, datetime] = {}

    @property
    def tells(self) -> Mapping[str, Tell]:
        """What it tells, by topic."""
        return {
            OUTBOX_TOPIC: self._card,
            CANARY_TOPIC: self._test_card,
            CALLED_TOPIC: self._call,
            STOP_TOPIC: self._stop,
        }

    async def _card(self, row: OutboxRow) -> Kept:
        view = await self._sayso.solutions.get(row.key, tenant=row.tenant)
        # Each step of a plan has a row, and people are told once.
        if view.status != ApprovalStatus.PENDING or view.id != row.key:
            return {"told": {}}
        people = await people_asked(self._sayso, view, row.tenant)
        return await self._waits(OUTBOX_TOPIC, row, view, [one.id for one in people])

    async def _test_card(self, row: OutboxRow) -> Kept:
        test = await self._sayso.canaries.get(row.key, tenant=row.tenant)
        if test.status != "open" or test.solution is None:
            return {"told": {}}
        people = await people_tested(self._sayso, test.solution, row.tenant)
        return await self._waits(CANARY_TOPIC, row, test.solution, [one.id for one in people])

    async def _waits(
        self, topic: str, row: OutboxRow, view: SolutionView, people: Iterable[str]
    ) -> Kept:
        """Whoever is called to this very card just now is told once of both, by the call."""
        about = {view.request_id, view.id, *(step.action_id for step in view.steps)}
        due = await self._sayso.outbox.due(_queue(CALLED_TOPIC), limit=_MOST_DUE)
        called = [key for one in due if (key := one.key.split("/"))[1] in about]
        wanted = set(people) - {person for person, *_ in called}
        left_s = datetime.fromisoformat(view.expires_at) - self._sayso.now()
        notice = partial(card_notice, view, left_s.total_seconds())
        return await self._tell(topic, row, wanted, notice, mark=f"{view.id}.{view.revision}")

    async def _call(self, row: OutboxRow) -> Kept:
        queue = _queue(CALLED_TOPIC)
        rows = await together(self._sayso, queue, row)
        call = await call_of(self._sayso, rows)
        if call is None:
            return {"told": {}}
        notice = partial(call_notice, call, asked=await self._asks(call, row))
        kept = await self._tell(CALLED_TOPIC, row, {call.person.id}, notice, mark=row.key)
        for one in rows[1:]:
            await self._sayso.outbox.sent(one, {"with": row.key})
        return kept

    async def _asks(self, call: Summons, row: OutboxRow) -> bool:
        """Whether the card waits for whoever is called; a test card as a true one."""
        if call.view is None or call.view.status != ApprovalStatus.PENDING:
            return False
        is_test = await self._sayso.canaries.find(row.key.split("/")[1]) is not None
        asked = people_tested if is_test else people_asked
        people = await asked(self._sayso, call.view, row.tenant)
        return call.person.id in {one.id for one in people}

    async def _stop(self, row: OutboxRow) -> Kept:
        stops = await self._sayso.stops.list(limit=200, tenant=row.tenant)
        stop = next((one for one in stops if one.id == row.key), None)
        if stop is None:  # it has ended meanwhile
            return {"told": {}}
        known = await self._sayso.people.list(row.tenant)
        people = {one.id for one in known if one.active and one.roles}
        people.discard(stop.engaged_by.removeprefix("person:"))
        return await self._tell(STOP_TOPIC, row, people, partial(stop_notice, stop), mark=row.key)

    async def _tell(
        self,
        topic: str,
        row: OutboxRow,
        people: set[str],
        notice: Callable[[Language], Notice],
        *,
        mark: str,
    ) -> Kept:
        """Tell each browser of these people that was not told of this yet.

        Args:
            mark: of what is told; a browser is told once of each.

        Returns:
            What the row keeps: the browsers that were told, by their ids.

        Raises:
            RetryableError: some did not take it now; those that did are kept.
        """
        before = row.state.get("told")
        told: dict[str, JsonValue] = dict(before) if isinstance(before, Mapping) else {}
        browsers = await self._browsers(row)
        open_ = [one for one in browsers if one.person in people and told.get(one.id) != mark]
        done = await asyncio.gather(*(self._in_turn(one, notice) for one in open_))
        told |= {one.id: mark for one, how in zip(open_, done, strict=True) if not how.again}
        failed = [how for how in done if how.again]
        if not failed or row.attempts + 1 >= _GIVE_UP_AFTER:
            return {"told": told}
        await self._sayso.outbox.keep(_queue(topic), row.key, lambda _: {"told": told})
        raise RetryableError(Code.PROVIDER_UNAVAILABLE, failed[0].problem)

    async def _browsers(self, row: OutboxRow) -> list[Browser]:
        """Those of active people; of whoever is not active any more they are taken back."""
        found = await self._sayso.browsers.list(tenant=row.tenant)
        authority = await self._sayso.people.authority(row.tenant)
        for person in {one.person for one in found if authority.person(one.person) is None}:
            await self._sayso.browsers.remove_all(person, tenant=row.tenant)
        return [one for one in found if authority.person(one.person) is not None]

    async def _in_turn(self, browser: Browser, notice: Callable[[Language], Notice]) -> Pushed:
        """Push once there is a place, and not to a push service that is silent just now."""
        host = urlsplit(browser.endpoint).netloc
        async with self._places:
            if self._sayso.now() < self._silent.get(host, datetime.min.replace(tzinfo=UTC)):
                return Pushed(problem=f"{host}: no answer just now", again=True)
            self._silent.pop(host, None)
            done = await self._push(browser, notice)
        if done.silent:
            self._silent[host] = self._sayso.now() + _REST
        return done

    async def _push(self, browser: Browser, notice: Callable[[Language], Notice]) -> Pushed:
        """Push to one browser; one that takes nothing any more is taken back."""
        key = self._settings.key(browser.key)
        if key is None:
            logger.info("%s was turned on with a key that is not here", browser.id)
            return Pushed(problem="another key")
        said = notice(language(browser.language))
        try:
            body, headers = self._encrypter.make(browser, key, said)
        except ValueError:  # one that cannot be encrypted for holds up no other
            logger.info("%s cannot be encrypted for", browser.id)
            return Pushed(problem="no address, or no key")
        silent = False

        async def once() -> Pushed:
            nonlocal silent
            done = await self._over(browser, body, headers)
            silent = done.silent
            if done.again:
                wait_s = done.after_s or None
                raise RetryableError(Code.PROVIDER_UNAVAILABLE, done.problem, retry_after_s=wait_s)
            return done

        try:
            done = await self._policy.run(once)
        except RetryableError as error:
            return Pushed(problem=error.message, again=True, silent=silent)
        if done.gone:
            await self._sayso.browsers.remove(browser.person, browser.id, tenant=browser.tenant)
        if done.problem:
            logger.info("%s did not take a push: %s", browser.id, done.problem)
        return done


def _queue(topic: str) -> str:
    """The queue of this channel, as `OutboxResource.subscribe` names it."""
    return f"{topic}.{CHANNEL}"
