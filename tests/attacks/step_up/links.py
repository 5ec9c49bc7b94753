"""What somebody tries with links: programs that open them, links that leak, and made-up ones.

Eve sees what stands in her conversations, and here also links of Ada's that count no more, or are
for something else. Each attack returns how many payments Ada herself has asked for in it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import replace

import httpx
from attacks.step_up.attacks import ADA, EVE, NOBODY, Attack, answered_late
from sdk.customers import token_of
from support.step_up import WORDS, Counter

from sayso.ids import Tenant
from sayso.sdk.views.rows import RequestView

Change = Callable[[bytes], bytes]


async def visit(counter: Counter, path: str, *methods: str) -> list[httpx.Response]:
    """Open a page, or press its button, one after the other; then do what is due."""
    told = [await counter.web.request(method, path) for method in methods]
    await counter.sayso.container.dispatcher.drain()
    return told


async def press(counter: Counter, path: str) -> int:
    """The status with which a press is answered."""
    return (await visit(counter, path, "POST"))[0].status_code


async def tries_of(counter: Counter, asked: RequestView) -> int:
    """How many answers in a request were wrong so far, by the log."""
    found = await counter.sayso.audit.about_request(asked.id)
    return sum(one.body.get("data", {}).get("verify") == "wrong" for one in found)


def changed(path: str, change: Change) -> str:
    """The same address with other bytes in its token."""
    place, _, token = path.rpartition("/")
    whole = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return f"{place}/{base64.urlsafe_b64encode(change(whole)).rstrip(b'=').decode()}"


async def scanner(counter: Counter) -> int:
    """A program in front of Ada's mailbox opens every link in it, often, and by HEAD too."""
    asked = await counter.ask()
    told = await visit(counter, await counter.post.link(), *["HEAD", "GET"] * 40)
    assert {one.status_code for one in told} == {200}
    assert (await counter.sayso.requests.get(asked.id)).status == "needs_customer"
    assert await tries_of(counter, asked) == 0
    return 0


async def other_methods(counter: Counter) -> int:
    """Neither does any other method act."""
    await counter.ask()
    told = await visit(counter, await counter.post.link(), "PUT", "DELETE", "OPTIONS", "PATCH")
    assert all(one.status_code in {404, 405} for one in told)
    return 0


async def replay(counter: Counter) -> int:
    """Ada has pressed, and Eve has her link: nothing more comes of it, there or elsewhere."""
    asked = await counter.ask()
    path = await counter.post.link()
    assert await press(counter, path) == 200
    later = await counter.ask()
    assert await press(counter, path) == 410
    assert await tries_of(counter, asked) == 0
    assert (await counter.sayso.requests.get(later.id)).status == "needs_customer"
    return 1


def _made_up(change: Change, counted: int) -> Attack:
    async def attack(counter: Counter) -> int:
        asked = await counter.ask()
        path = changed(await counter.post.link(), change)
        assert await press(counter, path) == 410
        assert await tries_of(counter, asked) == counted
        return 0

    return attack


def _flipped(place: int) -> Change:
    return lambda whole: whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]


async def five_presses(counter: Counter) -> int:
    """Guesses of a link count like those of a code: after five it is a person's."""
    asked = await counter.ask()
    path = await counter.post.link()
    for place in range(5):
        assert await press(counter, changed(path, _flipped(place))) == 410
    assert await press(counter, path) == 410
    assert (await counter.sayso.requests.get(asked.id)).status == "handed_over"
    return 0


async def parts_of_another(counter: Counter) -> int:
    """The secret of Eve's own link on the place of Ada's, and the other way round."""
    asked = await counter.ask(ADA)
    hers = await counter.post.link()
    await counter.ask(EVE, WORDS.replace("p1", "p2"))
    own = await counter.post.link()
    token = base64.urlsafe_b64decode(own.rpartition("/")[2] + "==")
    assert await press(counter, changed(hers, lambda whole: token[:32] + whole[32:])) == 410
    assert (await counter.sayso.requests.get(asked.id)).status == "needs_customer"
    return 0


async def own_link(counter: Counter) -> int:
    """Eve's own link moves Eve's money at most."""
    asked = await counter.ask(ADA)
    await counter.ask(EVE, WORDS.replace("p1", "p2"))
    assert await press(counter, await counter.post.link()) == 200
    assert (await counter.sayso.requests.get(asked.id)).status == "needs_customer"
    pay = counter.trio.pay
    pay.done[:] = [one for one in pay.done if one.customer != "cus_eve"]
    pay.things["p2"].state = "open"
    return 0


async def older_link(counter: Counter) -> int:
    """The link of a code, once another one was asked for: over, and no try."""
    asked = await counter.ask()
    path = await counter.post.link()
    await counter.answer(asked, choice="again")
    await counter.post.link()
    assert await press(counter, path) == 410
    assert await tries_of(counter, asked) == 0
    return 0


async def after_its_code(counter: Counter) -> int:
    """Ada has answered with the code; her link is over."""
    asked = await counter.ask()
    path = await counter.post.link()
    await counter.answer(asked, await counter.post.code())
    assert await press(counter, path) == 410
    return 1


async def code_after_its_link(counter: Counter) -> int:
    """Ada has pressed; her code is over."""
    asked = await counter.ask()
    code = await counter.post.code()
    assert await press(counter, await counter.post.link()) == 200
    await answered_late(counter, asked, code)
    return 1


def _later(**time: int) -> Attack:
    async def attack(counter: Counter) -> int:
        asked = await counter.ask()
        path = await counter.post.link()
        counter.clock.advance(**time)
        told = await visit(counter, path, "GET", "POST")
        assert [one.status_code for one in told] == [410, 410]
        assert await tries_of(counter, asked) == 0
        return 0

    return attack


async def after_erasure(counter: Counter) -> int:
    """Whoever asked was erased meanwhile: there is nobody to be taken for."""
    counter.trio.pay.person("cus_gone", email="gone@example.com")
    await counter.ask("pay:cus_gone")
    path = await counter.post.link()
    await counter.sayso.privacy.erase("pay:cus_gone", reason="asked", by=token_of("maria"))
    assert await press(counter, path) == 410
    return 0


def _moved(*, by_link: bool, way: str) -> Attack:
    async def attack(counter: Counter) -> int:
        """Who reads the mailbox that Ada has just left has her code, and her link."""
        people, before = counter.trio.pay.people, counter.trio.pay.people["cus_ada"]
        asked = await counter.ask()
        code, path = await counter.post.code(), await counter.post.link()
        if way == "changed":
            people["cus_ada"] = replace(before, email="ada@new.example")
        elif way == "emptied":
            people["cus_ada"] = replace(before, email="")
        else:
            del people["cus_ada"]
        try:
            if by_link:
                assert await press(counter, path) == 410
            else:
                await counter.answer(asked, code)
            assert await tries_of(counter, asked) == 1
        finally:
            people["cus_ada"] = before
        return 0

    return attack


async def no_access_before(counter: Counter) -> int:
    """A person has it, since they said that they read no mail there any more."""
    asked = await counter.ask()
    path = await counter.post.link()
    await counter.answer(asked, choice="no_access")
    assert await press(counter, path) == 410
    return 0


async def secret_as_a_code(counter: Counter) -> int:
    """What the link holds is no code, and the code is no link."""
    asked = await counter.ask()
    code, path = await counter.post.code(), await counter.post.link()
    token = path.rpartition("/")[2]
    secret = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[:32].hex()
    for words in (secret, token, path):
        asked = await counter.answer(asked, words)
    digits = code.encode().ljust(32, b"\0")
    assert await press(counter, changed(path, lambda whole: digits + whole[32:])) == 410
    return 0


async def race(counter: Counter) -> int:
    """Sixty-four presses and sixty-four codes at once are one proof."""
    asked = await counter.ask()
    code, path = await counter.post.code(), await counter.post.link()
    assert asked.question is not None
    language, token = path.split("/")[2:]
    number, press_at = asked.question.number, counter.sayso.confirmations.press
    told = await asyncio.gather(
        *(press_at(token, language) for _ in range(64)),
        *(
            counter.sayso.requests.answer(asked.id, code, question=number, wait_s=0)
            for _ in range(64)
        ),
        return_exceptions=True,
    )
    await counter.sayso.container.dispatcher.drain()
    taken = [one for one in told[:64] if getattr(one, "shown", "") == "done"]
    answered = [one for one in told[64:] if isinstance(one, RequestView)]
    assert len(taken) + len(answered) == 1
    found = await counter.sayso.audit.about_request(asked.id)
    assert sum(one.kind == "customer.verified" for one in found) == 1
    return 1


async def nobody_s_link(counter: Counter) -> int:
    """Whatever is pressed that isn't the one link is answered in the same words."""
    links = counter.sayso.container.agent.links
    known, unknown = await counter.ask(ADA), await counter.ask(NOBODY)
    link = links.read((await counter.post.link()).rpartition("/")[2])
    assert link is not None
    wrong = (
        replace(link, request=known.id, secret="00" * 32),
        replace(link, request=unknown.id, secret="00" * 32),
        replace(link, request="req_00000000000000000000000000"),
        replace(link, tenant=Tenant("elsewhere")),
        replace(link, number=52),
    )
    paths = [links.written(one, "en").removeprefix(links.url) for one in wrong]
    paths += ["/confirm/en/" + "A" * 200, "/confirm/en/%C3%A9", "/confirm/en/" + "A" * 4000]
    pages = [(await visit(counter, one, "POST"))[0] for one in paths]
    told = {(one.status_code, one.text, str(sorted(one.headers.items()))) for one in pages}
    assert len(told) == 1
    assert pages[0].status_code == 410
    return 0


LINK_ATTACKS: Mapping[str, Attack] = {
    "scanner": scanner,
    "other_methods": other_methods,
    "replay": replay,
    "one_bit_of_the_secret": _made_up(_flipped(0), 1),
    "last_bit_of_the_secret": _made_up(_flipped(31), 1),
    "one_bit_of_the_seal": _made_up(_flipped(50), 0),
    "one_bit_of_the_place": _made_up(_flipped(-1), 0),
    "another_tenant": _made_up(lambda whole: whole.replace(b'"main"', b'"mine"'), 0),
    "a_later_end": _made_up(lambda whole: whole[:-17] + b"9" + whole[-16:], 0),
    "no_secret": _made_up(lambda whole: whole[32:], 0),
    "one_byte": _made_up(lambda _: b"\0", 0),
    "zeros": _made_up(lambda whole: bytes(len(whole)), 0),
    "five_presses": five_presses,
    "parts_of_another": parts_of_another,
    "own_link": own_link,
    "older_link": older_link,
    "after_its_code": after_its_code,
    "code_after_its_link": code_after_its_link,
    "link_at_ten_minutes": _later(minutes=10),
    "link_of_yesterday": _later(hours=23),
    "link_after_erasure": after_erasure,
    "link_after_no_access": no_access_before,
    **{
        f"{'link' if by_link else 'code'}_after_its_address_is_{way}": _moved(
            by_link=by_link, way=way
        )
        for by_link in (True, False)
        for way in ("changed", "emptied", "gone")
    },
    "secret_as_a_code": secret_as_a_code,
    "race_of_presses_and_codes": race,
    "nobody_s_link": nobody_s_link,
}
