"""Help desks by manifest in the loop: a bell has a thread be read, and colleagues get it whole."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from connectors.desks.books import HelpDesk
from connectors.desks.freshdesk import Freshdesk
from connectors.desks.intercom import Intercom
from connectors.desks.jira import Jira
from connectors.desks.test_desks import connected, manifest_of
from connectors.desks.zendesk import Zendesk
from support.shop import Shop
from support.shop_workspace import POLICY, make_shop_workspace
from tree import ROOT

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.connectors.base import Connector
from sayso.connectors.manifest.source import read_source
from sayso.errors import RefusedError
from sayso.json import JsonObject
from sayso.sdk.client import Sayso
from sayso.sdk.desk.loop import DeskLoop
from sayso.sdk.views.rows import ActionView

pytestmark = pytest.mark.promise("desks:doubles")


@asynccontextmanager
async def opened(
    folder: Path,
    desk: HelpDesk,
    *,
    more: Sequence[Connector] = (),
    policy: str = POLICY,
    **tables: Mapping[str, object],
) -> AsyncGenerator[tuple[Sayso, DeskLoop]]:
    """A workspace with that desk, which has been swept once; nothing goes on by itself."""
    hand_over = {name: value for name, value in desk.hand_over.items() if name != "text"}
    section = {"hand_over": hand_over, "secret": "file:keys/ring.key", "assurance": "verified"}
    workspace = make_shop_workspace(folder, policy, desk={desk.name: section}, **tables)
    (folder / "keys" / "ring.key").write_text("ring")
    connectors: list[Connector] = [Shop(), connected(desk), *more]
    async with Sayso(workspace, mode="decide", connectors=connectors, clock=desk.clock) as sayso:
        loop = DeskLoop(sayso.container, workspace.settings.desk)
        await loop.drain()
        yield sayso, loop


async def settle(sayso: Sayso, loop: DeskLoop) -> None:
    """Do all that is due, without another sweep."""
    for _ in range(4):
        await loop.drain()
        await sayso.container.dispatcher.drain()
        await loop.drain()


@pytest.mark.parametrize("kind", [Zendesk, Intercom, Freshdesk, Jira])
async def test_a_bell_has_the_thread_be_read_answered_and_handed_over(
    tmp_path: Path, kind: type[HelpDesk]
) -> None:
    """The webhook's own words count for nothing; a note goes first where the hand-over has none."""
    desk = kind()
    async with opened(tmp_path, desk) as (sayso, loop):
        talk = desk.write("customer", "I want to talk to a person about my mug.")
        headers, body = desk.bell(talk)
        with pytest.raises(RefusedError, match="isn't the desk's"):
            await sayso.inbound.receive(desk.name, {**headers, **dict.fromkeys(headers, "x")}, body)
        await settle(sayso, loop)
        assert desk.told(talk) == []
        for _ in range(2):
            await sayso.inbound.receive(desk.name, headers, body)
        await settle(sayso, loop)
        assert len(desk.told(talk)) == 1
        (note,) = desk.told(talk, public=False)
        assert "about my mug" in note
        assert desk.talks[talk].group == 77
        (request,) = await sayso.requests.list()
        assert request.status == "handed_over"
        assert sayso.audit.verify().exit_status == 0


@pytest.mark.promise("engine:one-effect:outdated")
@pytest.mark.parametrize("who", ["note", "answer"])
async def test_a_lost_answer_whose_ticket_was_changed_since_is_said_once_or_overtaken(
    tmp_path: Path, who: str
) -> None:
    """By a ticket's stamp the desk refuses a repeat for ever; a colleague has the thread or not."""
    desk = Zendesk()
    async with opened(tmp_path, desk) as (sayso, loop):
        talk = desk.write("customer", "Please refund $10.00 of order_1")
        desk.drop = True
        await sayso.inbound.receive(desk.name, *desk.bell(talk))
        await settle(sayso, loop)
        assert (desk.drop, desk.told(talk)) == (False, [])
        desk.write("colleague", "I look into it.", talk, public=who == "answer")
        for _ in range(10):
            desk.clock.advance(minutes=2, seconds=10)
            await settle(sayso, loop)
        assert len(desk.told(talk)) == (who == "note")
        (said,) = (one for one in await sayso.actions.list() if one.action == "zendesk.reply")
        code = None if said.error is None else said.error.code
        assert (said.status == "succeeded", code == "overtaken") == (who == "note", who != "note")
        (known,) = await sayso.desks.list()
        assert (known.unsaid, known.waiting) == (0, 0)
        assert sayso.audit.verify().exit_status == 0


async def test_a_providers_webhook_is_no_turn_beside_its_desk(tmp_path: Path) -> None:
    """`[inbound]` of a provider that is a desk rings it, so that nothing is asked twice."""
    desk = Intercom()
    hears = {"bot": {"provider": "intercom", "secret": "file:keys/ring.key"}}
    async with opened(tmp_path, desk, inbound=hears) as (sayso, loop):
        talk = desk.write("customer", "I want to talk to a person about my mug.")
        _, sent = desk.bell(talk)
        told = json.loads(sent)
        parts = {"conversation_parts": [{"body": "I want to talk to a person about my mug."}]}
        told["data"]["item"] |= {
            "conversation_parts": parts,
            "contacts": {"contacts": [{"external_id": desk.subject(talk)}]},
        }
        body = json.dumps(told).encode()
        headers = desk.sign(body)
        assert (await sayso.inbound.receive("bot", headers, body)).request is None
        await settle(sayso, loop)
        assert len(await sayso.requests.list()) == 1
        assert len(desk.told(talk)) == 1


async def say_yes(sayso: Sayso, asked: ActionView) -> None:
    """Maria, to what she was shown."""
    assert asked.approval is not None
    await sayso.approvals.decide_as(
        Decision(
            tenant=sayso.tenant,
            approval_id=asked.approval.id,
            revision=asked.approval.revision,
            digest=asked.approval.digest,
            choice=DecisionChoice.APPROVE,
            person="maria",
            via="test",
            credential="host",
        )
    )


async def sweep(sayso: Sayso, loop: DeskLoop) -> None:
    """Read what has changed, and do all that is due."""
    for one in loop.desks:
        await one.sweep_now()
    await settle(sayso, loop)


async def untold(sayso: Sayso, desk: HelpDesk) -> set[str]:
    """The customers' messages that have neither become a turn of a request, nor work."""
    found = set[str]()
    waits = [one.why for one in await sayso.work.list(kinds=["thread"])]
    for talk in desk.talks.values():
        thread = desk.thread(talk.id)
        named = {"tenant": sayso.tenant, "desk": desk.name, "thread": thread}
        rows = await sayso.container.store.read(
            lambda reader, n=named: reader.all("desk.messages", **n)  # type: ignore[misc]
        )
        is_work = any(thread in why for why in waits)
        taken = [row for row in rows if row["request_id"] or is_work]
        wrote = [one for one in talk.parts if one.who == "customer"]
        if len(taken) != len(wrote):
            found.add(f"{thread}: {len(wrote)} written, {len(taken)} taken in")
    return found


@pytest.mark.parametrize("kind", [Zendesk, Intercom, Freshdesk, Jira])
async def test_no_message_is_lost_without_bells_and_nothing_is_read_for_nothing(
    tmp_path: Path, kind: type[HelpDesk], store_url: str
) -> None:
    """Not even one of the second in which its thread was read; an idle desk is listed alone."""
    desk = kind()
    async with opened(tmp_path, desk) as (sayso, loop):
        desk.clock.advance(minutes=5)
        talks = [desk.write("customer", "I want to talk to a person.") for _ in range(3)]
        desk.clock.advance(seconds=62)
        await sweep(sayso, loop)
        last = desk.talks[talks[0]]
        desk.write("customer", "Hello? Is anybody there? Call me", last.id)
        last.changed = last.parts[-1].at = max(one.at for one in last.parts[:-1])
        for _ in range(6):
            desk.clock.advance(minutes=2)
            await sweep(sayso, loop)
        assert await untold(sayso, desk) == set()
        assert [len(desk.told(talk)) for talk in talks] == [1, 1, 1]
        before = len(desk.asked)
        for _ in range(5):
            desk.clock.advance(minutes=2)
            await sweep(sayso, loop)
        paths = set(desk.asked[before:])
        assert len(paths) == 1, f"each sweep reads what has changed alone, not {paths}"
        assert sayso.audit.verify().exit_status == 0


FIN = (
    POLICY
    + """
@id("fin") @explain("a support manager says yes to what Fin is told")
permit (principal, action in [Action::"fin.answer", Action::"fin.answer_yes_no"], resource)
when { context.approvedBy.contains("support_manager") };
"""
)


async def test_what_fin_asks_people_is_work_and_the_answer_goes_back_after_a_yes(
    tmp_path: Path,
) -> None:
    """Preview. Once by a signed webhook; answered once, as the policy judges it."""
    desk = Intercom()
    path = ROOT / "integrations" / "intercom" / "fin.toml"
    fin = manifest_of(read_source(path.read_bytes(), "connectors/fin.toml"), desk, connected(desk))
    async with opened(tmp_path, desk, more=[fin], policy=FIN) as (sayso, loop):
        talk = desk.write("customer", "I want to talk to a person about my mug.")
        await sayso.inbound.receive(desk.name, *desk.bell(talk))
        await settle(sayso, loop)
        asked = {"identifier": "local.approved", "data_type": "boolean"}
        headers, body = desk.asks(talk, "step-1", asked)
        with pytest.raises(RefusedError, match="isn't the desk's"):
            await sayso.inbound.receive(desk.name, {**headers, "x-hub-signature": "sha1=0"}, body)
        for _ in range(2):
            await sayso.inbound.receive(desk.name, headers, body)
        (work,) = await sayso.work.list(kinds=["thread"])
        for said in (str(talk), "step-1", "local.approved (boolean)", desk.subject(talk)):
            assert said in f"{work.why} {work.subject}"
        args: JsonObject = {
            "conversation": str(talk),
            "step": "step-1",
            "attribute": "local.approved",
            "value": True,
        }
        action = await sayso.propose("fin.answer_yes_no", args, subject=work.subject)
        assert (action.status, desk.told_fin) == ("pending_approval", {}), action.error
        await say_yes(sayso, action)
        await settle(sayso, loop)
        told = [{"identifier": "local.approved", "value": True}]
        assert desk.told_fin == {f"{talk}/step-1": told}
        assert sayso.audit.verify().exit_status == 0
