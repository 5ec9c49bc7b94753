"""Compose: a colleague does something for a customer, and sees what comes of it while they type.

The page is one form. Each of its parts is made anew from the form's fields, so that it works with
scripts off; with them, the page sends the form while somebody types and takes over what differs.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from sayso.errors import Code, RefusedError, RetryableError, SaysoError
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.resources.compose import MAX_WHY_CHARS, Composition
from sayso.sdk.views.compose import (
    ComposedView,
    ComposeFieldView,
    ComposeOptionView,
    ComposeRecordView,
)
from sayso.sdk.views.customer import CustomersFoundView, CustomerSummaryView
from sayso.sdk.views.rows import ActionView
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.visit import Visit

_NONE = "none"
"""In the place of a record: what is done is about none."""
_MOST_DIGITS = 12
_SHOWN_AT_FIRST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeProblem:
    """Why a part of the page is not there."""

    message: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Composing:
    """What the form says so far, and what came of reading it.

    Attributes:
        said: what was looked for. found: who was found by it; None where nobody looked.
        customer: the id in the form. who: how they read now; None where nobody was chosen.
        record: the choice; `none` for what is about no record, empty for no choice.
        values: of the fields, as they were typed, by argument.
        missing: what has to be filled in yet, in words. wrong: what cannot be read, by argument.
        again: it was judged otherwise than what was shown, so nothing was proposed.
    """

    said: str = ""
    found: CustomersFoundView | None = None
    customer: str = ""
    who: CustomerSummaryView | None = None
    records: Sequence[ComposeRecordView] = ()
    record: str = ""
    options: Sequence[ComposeOptionView] = ()
    option: ComposeOptionView | None = None
    values: Mapping[str, str]
    wrong: Mapping[str, str]
    missing: str = ""
    why: str = ""
    key: str = ""
    judged: ComposedView | None = None
    problem: ComposeProblem | None = None
    again: bool = False
    longest: int = MAX_WHY_CHARS
    first: int = _SHOWN_AT_FIRST

    @property
    def chosen(self) -> ComposeRecordView | None:
        """The record that was chosen."""
        return next((one for one in self.records if value_of(one) == self.record), None)

    @property
    def possible(self) -> tuple[ComposeOptionView, ...]:
        """What somebody can fill in here."""
        return tuple(one for one in self.options if not one.problem)

    @property
    def impossible(self) -> tuple[ComposeOptionView, ...]:
        """What only programs propose."""
        return tuple(one for one in self.options if one.problem)


def value_of(record: ComposeRecordView) -> str:
    """How the form names a record."""
    return f"{record.connector}|{record.kind}|{record.id}"


async def show_compose(visit: Visit) -> Response:
    """The page, for somebody whom a link names, or for nobody yet."""
    customer = visit.request.query_params.get("customer", "")
    if customer and not customer.startswith(("cst_", "act_", "req_")):
        customer = ""  # what a provider calls somebody stands in no address
    return await _show(visit, Form({"customer": (customer,)}))


async def look(visit: Visit) -> Response:
    """The page as the form stands; nothing is stored."""
    return await _show(visit, await read_form(visit.request))


async def propose(visit: Visit) -> Response:
    """Propose what the form says; or show it again, where it is judged otherwise now."""
    form = await read_form(visit.request)
    try:
        action = await propose_form(visit, form)
    except RefusedError as error:
        if error.code is not Code.DIGEST_MISMATCH:
            raise
        return await _show(visit, form, again=True, status=409)
    return visit.see(page_after(action))


def page_after(action: ActionView) -> str:
    """Where one looks at what was proposed."""
    waits = action.status == "pending_approval" and action.approval is not None
    return f"solution/{action.approval.id}" if waits and action.approval else f"action/{action.id}"


async def propose_form(visit: Visit, form: Form) -> ActionView:
    """Propose what a form says, as whoever has signed in.

    Raises:
        RefusedError: as `ComposeResource.propose`; `digest_mismatch` also where it is not whole.
        RetryableError: the provider cannot be read now; nothing was stored.
    """
    read = await read_composing(visit, form, judge=False)
    wanted = _wanted(read)
    if wanted is None:
        raise RefusedError(
            Code.DIGEST_MISMATCH, "this is not all of it", next_step="fill in what is missing"
        )
    return await visit.sayso.compose.propose(
        wanted,
        by=visit.session.token,
        digest=form.one("digest"),
        key=form.one("key"),
        via="console",
    )


async def _show(visit: Visit, form: Form, *, again: bool = False, status: int = 200) -> Response:
    said = await read_composing(visit, form, again=again)
    page = visit.page("Compose", "compose")
    return visit.show("compose.html", page, status=status, said=said, value_of=value_of)


async def read_composing(
    visit: Visit, form: Form, *, again: bool = False, judge: bool = True
) -> Composing:
    """Read a form, its customer at their providers, and what would come of it."""
    sayso, by = visit.sayso, visit.session.token
    customer, said = form.one("customer").strip(), form.one("q").strip()
    values = {name: text.strip() for name, text in form.named("arg.").items()}
    key = form.one("key") or secrets.token_urlsafe(16)
    told = Composing(said=said, customer=customer, values=values, wrong={}, key=key, again=again)
    found: CustomersFoundView | None = None
    who: CustomerSummaryView | None = None
    records: Sequence[ComposeRecordView] = ()
    try:
        if form.one("do") == "find" or not customer:
            customer = ""
            found = await sayso.customers.find(said, by=by, via="console") if said else None
            if found is not None and len(found.items) == 1:
                one = found.items[0]
                customer, found = one.id or one.accounts[0].account, None
            elif found is not None and not found.items and not found.asked:
                # Whoever has something there is somebody, also where the provider tells no names.
                customer = said if await sayso.compose.records(said, by=by) else ""
        if customer:
            records = await sayso.compose.records(customer, by=by)
            seen = await sayso.customers.find(customer, by=by, via="console")
            who = next(iter(seen.items), None)
    except SaysoError as error:
        if not isinstance(error, RefusedError | RetryableError):
            raise
        problem = ComposeProblem(message=error.message, next_step=error.next_step)
        return replace(told, customer="", problem=problem)
    return await _judged(
        visit,
        replace(
            told,
            customer=customer,
            found=found,
            who=who,
            records=records,
            record=form.one("record"),
            why=form.one("why").strip(),
        ),
        form.one("action"),
        judge=judge,
    )


async def _judged(visit: Visit, said: Composing, action: str, *, judge: bool) -> Composing:
    """With what can be done about the record, and the judgement of what is filled in."""
    if said.who is None and not said.customer:
        return said
    record = said.chosen
    if record is None and said.record != _NONE:
        return replace(said, record="")
    options = await visit.sayso.compose.options(record)
    option = next((one for one in options if one.action == action and not one.problem), None)
    able = [one for one in options if not one.problem]
    if option is None and len(able) == 1:
        option = able[0]
    said = replace(said, options=options, option=option)
    if option is None:
        return said
    wrong = {
        name: problem
        for name, problem in ((one.name, _wrong(one, said.values)) for one in option.fields)
        if problem
    }
    missing = [
        one.label.lower() for one in option.fields if one.required and not said.values.get(one.name)
    ]
    said = replace(said, wrong=wrong, missing=", ".join(missing))
    wanted = _wanted(said)
    if wanted is None or not judge:
        return said
    return replace(said, judged=await visit.sayso.compose.judge(wanted, by=visit.session.token))


def _wanted(said: Composing) -> Composition | None:
    """What the form asks for; None while something is missing, or cannot be read."""
    option = said.option
    if option is None or said.missing or said.wrong or not said.customer:
        return None
    args: dict[str, JsonValue] = {}
    for one in option.fields:
        value = _value(one, said.values)
        if value is not None:
            args[one.name] = value
    if option.target and said.chosen is not None:
        args[option.target] = said.chosen.id
    return Composition(
        customer=said.customer, action=option.action, args=args, why=said.why[:MAX_WHY_CHARS]
    )


def _wrong(one: ComposeFieldView, values: Mapping[str, str]) -> str:
    """Why what was typed into a field is nothing for it; empty where it is."""
    try:
        _value(one, values)
    except RefusedError as error:
        return error.message
    return ""


def _value(one: ComposeFieldView, values: Mapping[str, str]) -> JsonValue:
    """What was typed, as the action takes it; None for nothing.

    Raises:
        RefusedError: `invalid_money`, `invalid_input`.
    """
    text = values.get(one.name, "")
    if not text:
        return None
    match one.kind:
        case "money":
            currency = one.currency or values.get(f"{one.name}.currency", "").upper()
            return dict(Money.parse(text, currency).to_json())
        case "yes_no":
            return text == "yes"
        case "number":
            digits = text.removeprefix("-")
            if not (digits.isascii() and digits.isdecimal()) or len(digits) > _MOST_DIGITS:
                raise RefusedError(Code.INVALID_INPUT, "write a whole number")
            return int(text)
        case _:
            return text
