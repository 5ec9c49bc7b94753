"""Answering a solution by its form: yes, some, less, no; and what a late click is told."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest
from support.parcel_shop import PLAYBOOKS
from surfaces.console.served_console import (
    LETTER,
    ROOT,
    WORDS,
    Packages,
    ServedConsole,
    open_console,
    package,
)

from sayso.sdk.chat.card import starts_of
from sayso.sdk.chat.moment import plain
from sayso.sdk.views.solution import SolutionView
from sayso.testing.clock import FakeClock

pytestmark = pytest.mark.promise("console:answer")


def shown(view: SolutionView, **fields: str | list[str]) -> dict[str, str | list[str]]:
    """The fields that the page's form carries, and what is chosen."""
    steps = [step.id for step in view.steps if step.asks]
    return {
        "revision": str(view.revision),
        "digest": view.digest,
        "shown": "$139.00",
        "shown.s1": "$129.00",
        "step": steps,
        **fields,
    }


async def post(
    console: ServedConsole, view: SolutionView, person: str = "maria", **fields: str | list[str]
) -> httpx.Response:
    """Send the form of the page."""
    async with console.client(await console.sign_in(person)) as browser:
        path = f"{ROOT}/solution/{view.id}/decision"
        return await browser.post(path, data=shown(view, **fields))


async def read(console: ServedConsole, where: str, person: str = "maria") -> httpx.Response:
    """A page."""
    async with console.client(await console.sign_in(person)) as browser:
        return await browser.get(f"{ROOT}/{where}")


def statuses(view: SolutionView) -> list[str]:
    """The steps' states, in order."""
    return [step.status for step in view.steps]


async def test_the_page_says_first_what_and_how_much_to_whom(tmp_path: Path) -> None:
    """In the order of five seconds: money and payee, why, unusual, words; then the steps."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        page = (await read(console, f"solution/{view.id}")).text
        parts = [
            "$139.00 to Ben Okafor",
            "back to",
            "Above the automatic $50",
            "Unusual",
            "The mugs came broken",
            "What it says happened is not checked.",
            "What a yes does",
            "Dear Ben,",
            "No answer counts as no",
            "Yes, $139.00",
            "no money, no credit and no e-mail",
            "Digest shown",
        ]
        places = [page.find(part) for part in parts]
        assert -1 not in places, dict(zip(parts, places, strict=True))
        assert places == sorted(places)


async def test_a_yes_is_one_decision_and_the_page_says_what_came_of_it(tmp_path: Path) -> None:
    """Answered by a redirect, so that loading the page again sends nothing again."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        answer = await post(console, view, decision="yes")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"{ROOT}/solution/{view.id}",
        )
        after = await console.sayso.solutions.get(view.id)
        assert statuses(after) == ["succeeded"] * 3
        page = (await read(console, f"solution/{view.id}")).text
        assert "You said yes" in page
        assert "All three steps are done." in page
        reply = (await console.sayso.requests.get(view.request_id or "")).reply or ""
        assert re.search(r"<h2>What [^<]+ was told</h2>", page)
        assert html.escape(reply.splitlines()[-1]) in page
        assert 'name="decision"' not in page
        assert [vote.via for vote in after.votes] == ["console"]


async def test_a_note_stands_on_the_page_and_decides_nothing(tmp_path: Path) -> None:
    """For everybody who looks, as words, before and after the answer."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        async with console.client(await console.sign_in("noor")) as browser:
            path = f"{ROOT}/solution/{view.id}/note"
            said = await browser.post(path, data={"note": "yes <b>she called</b>"})
            assert said.status_code == 303
            assert (await browser.post(path, data={"note": " "})).status_code == 422
        page = (await read(console, f"solution/{view.id}")).text
        assert "yes &lt;b&gt;she called&lt;/b&gt;" in page
        assert (await console.sayso.solutions.get(view.id)).status == "pending"
        assert (await read(console, f"request/{view.request_id}")).status_code == 200


async def test_a_no_needs_its_reason(tmp_path: Path) -> None:
    """Without one nothing is decided, and the page says so."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        answer = await post(console, view, decision="no", reason_code="")
        assert answer.status_code == 422
        assert "A no needs a reason" in answer.text
        answer = await post(console, view, decision="no", reason_code="not_covered", reason="used")
        assert answer.status_code == 303
        after = await console.sayso.solutions.get(view.id)
        assert statuses(after) == ["rejected"] * 3
        page = (await read(console, f"solution/{view.id}")).text
        assert "You said no" in page
        assert "No money moved." in page
        assert "Not covered by our terms: “used”" in page


async def test_what_is_unticked_is_shown_smaller_first_and_then_decided(tmp_path: Path) -> None:
    """The letter goes with the refund that it waits for; the yes names its exact money."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        query = f"revision={view.revision}&digest={view.digest}&step=s2&step=s3"
        smaller = await read(console, f"solution/{view.id}/smaller?{query}")
        assert "A smaller card" in smaller.text
        assert "Yes, $10.00" in smaller.text
        assert "$139.00" not in smaller.text.partition("Yes, $10.00")[0].partition("<h1")[2]
        steps = re.findall(r'name="step" value="(s\d)"', smaller.text)
        assert steps == ["s2"]
        assert await console.sayso.solutions.get(view.id) == view, "nothing is decided by looking"
        answer = await post(console, view, decision="yes", step=steps, smaller="1")
        assert answer.status_code == 303
        after = await console.sayso.solutions.get(view.id)
        assert statuses(after) == ["rejected", "succeeded", "rejected"]


async def test_a_button_that_names_the_whole_decides_nothing_less(tmp_path: Path) -> None:
    """A browser that cannot hide it is sent to the smaller card; a double click meets nothing."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        answer = await post(console, view, decision="yes", step=["s1", "s2"])
        assert answer.status_code == 303
        assert "/smaller?" in answer.headers["location"]
        assert (await console.sayso.solutions.get(view.id)).status == "pending"


async def test_less_is_shown_with_its_amount_and_what_it_makes_untrue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The team's letter still names the old amount, and the page warns of it."""
    kept, told = "Your money is on its way.", "We have refunded $129.00."
    monkeypatch.setitem(PLAYBOOKS, "letter", PLAYBOOKS["letter"].replace(kept, told))
    planner = Packages(*package(letter=LETTER.replace(kept, told)))
    async with open_console(tmp_path, planner=planner) as console:
        view = await console.ask()
        query = f"revision={view.revision}&digest={view.digest}&lower.s1=43.00"
        smaller = await read(console, f"solution/{view.id}/smaller?{query}")
        assert "Yes, $53.00" in smaller.text
        assert "The text of step 3 still says $129.00" in smaller.text
        fields = {"smaller": "1", "lower.s1": "43.00", "decision": "yes"}
        assert (await post(console, view, **fields)).status_code == 303
        after = await console.sayso.solutions.get(view.id)
        assert statuses(after) == ["succeeded"] * 3
        assert console.shop.books.paid_out_minor == 4300


@pytest.mark.parametrize("amount", ["129.01", "0", "-1", "1e3", "129", "ten", "4,3"])
async def test_no_more_and_no_nonsense(tmp_path: Path, amount: str) -> None:
    """Only downwards, as digits; the page says what is wrong and shows the whole again."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        query = f"revision={view.revision}&digest={view.digest}&lower.s1={amount}"
        answer = await read(console, f"solution/{view.id}/smaller?{query}")
        assert answer.status_code == 422
        assert "Nothing was decided" in answer.text
        assert (await console.sayso.solutions.get(view.id)).status == "pending"


async def test_an_amount_counts_only_from_the_page_that_showed_it(tmp_path: Path) -> None:
    """Text left in the field beside a plain yes is no less: the button said $139.00."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        answer = await post(console, view, decision="yes", **{"lower.s1": "1.00"})
        assert answer.status_code == 303
        assert console.shop.books.paid_out_minor == 12_900


async def test_a_late_click_is_told_who_was_faster_and_meets_no_button(tmp_path: Path) -> None:
    """Never silent, and nothing that decides where the click came from."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        await post(console, view, "noor", decision="no", reason_code="other")
        answer = await post(console, view, decision="yes")
        assert answer.status_code == 409
        assert "noor said no" in answer.text
        assert "Your click was not counted" in answer.text
        assert 'name="decision"' not in answer.text
        assert statuses(await console.sayso.solutions.get(view.id)) == ["rejected"] * 3


async def test_the_same_click_sent_again_is_told_what_it_did(tmp_path: Path) -> None:
    """The answer was lost on its way, so the browser sends it once more: one decision."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        assert (await post(console, view, decision="yes")).status_code == 303
        assert (await post(console, view, decision="yes")).status_code == 303
        assert len(console.shop.books.payouts) == 1


async def test_a_click_on_what_has_changed_shows_the_difference(tmp_path: Path) -> None:
    """409 with what was shown and what is so now; the new card is another page."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        changed = view.model_copy(update={"digest": "0" * 64, "revision": view.revision + 4})
        answer = await post(console, changed, decision="yes", **{"shown.s1": "$999.00"})
        assert answer.status_code == 409
        assert "something changed while you read" in answer.text
        assert "<del>$999.00</del>" in answer.text
        assert "<ins>$129.00</ins>" in answer.text
        assert "Go on to the new card" in answer.text
        assert 'name="decision"' not in answer.text
        assert (await console.sayso.solutions.get(view.id)).status == "pending"


async def test_who_may_not_answer_reads_and_has_no_button(tmp_path: Path) -> None:
    """Ada has no role, finn another one; what they send all the same is refused."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        for person in ("ada", "finn"):
            page = (await read(console, f"solution/{view.id}", person)).text
            assert "It waits for support manager." in page
            assert 'name="decision"' not in page
            answer = await post(console, view, person, decision="yes")
            assert answer.status_code == 422
            assert "You are not an approver" in answer.text
        assert (await console.sayso.solutions.get(view.id)).status == "pending"


async def test_two_people_are_told_whose_yes_is_the_last(tmp_path: Path) -> None:
    """The first hears that nothing starts and takes it back; the second, that it starts."""
    async with open_console(
        tmp_path, planner=Packages(*package(refund=60_000, letter="We are sorry."))
    ) as console:
        words = WORDS.replace("$129.00", "$600.00")
        view = await console.ask(words)
        page = (await read(console, f"solution/{view.id}")).text
        assert "Starts once one more person agrees too." in page
        assert "more than one person must agree" in page
        await post(console, view, decision="yes")
        page = (await read(console, f"solution/{view.id}")).text
        assert "You said yes. It waits for somebody else." in page
        assert 'name="decision"' not in page
        path = f"{ROOT}/solution/{view.id}/take-back"
        assert f'formaction="{path}"' in page
        page = (await read(console, f"solution/{view.id}", "finn")).text
        assert "Yours is the last yes: it starts." in page
        assert path not in page, "it is not theirs"
        async with console.client(await console.sign_in("maria")) as browser:
            taken = await browser.post(path)
        assert "Taken back. Nothing moved." in taken.text
        await post(console, await console.sayso.solutions.get(view.id), decision="yes")
        await post(console, await console.sayso.solutions.get(view.id), "finn", decision="yes")
        assert statuses(await console.sayso.solutions.get(view.id)) == ["succeeded"] * 3


async def test_nobody_answered_in_time_is_said(tmp_path: Path) -> None:
    """The page of an expired card has no button, and says that it counted as no."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        console.opened.clock.advance(hours=9)
        for step in view.steps:
            await console.sayso.container.engine.advance(console.sayso.tenant, step.action_id)
        page = (await read(console, f"solution/{view.id}")).text
        assert "Nobody answered, which counts as no" in page
        assert 'name="decision"' not in page


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"decision": "maybe"}, 422),
        ({}, 422),
        ({"decision": "yes", "revision": "x" * 50, "digest": "no"}, 409),
        ({"decision": "yes", "revision": "1", "digest": "\udc80".encode("utf-8", "replace")}, 409),
    ],
)
async def test_odd_forms_decide_nothing(tmp_path: Path, body: dict[str, str], status: int) -> None:
    """Whatever comes in the fields."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        async with console.client(await console.sign_in()) as browser:
            path = f"{ROOT}/solution/{view.id}/decision"
            assert (await browser.post(path, data=body)).status_code == status
            assert (await browser.post(path, content=b"{}")).status_code == 409
            long = await browser.post(path, data={"reason": "x" * 70_000})
            assert long.status_code == 409
            assert (await browser.get(f"{ROOT}/solution/apr_nothing")).status_code == 404
        assert (await console.sayso.solutions.get(view.id)).status == "pending"


@pytest.mark.promise("solutions:ask-customer")
async def test_the_customer_is_asked_by_a_form(tmp_path: Path) -> None:
    """Sent twice it is one question; it stands on the card, and so does the answer afterwards."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        page = (await read(console, f"solution/{view.id}")).text
        assert "Ask Ben…" in page
        for _ in range(2):
            sent = await post(console, view, decision="ask", question="Which one, <b>Ben</b>?")
            assert sent.status_code == 303
        page = (await read(console, f"solution/{view.id}")).text
        assert "You have asked Ben" in page
        assert "Which one, &lt;b&gt;Ben&lt;/b&gt;?" in page
        assert "Ask Ben…" not in page
        assert "Yes, $139.00" in page
        other = (await read(console, f"solution/{view.id}", "noor")).text
        assert "maria has asked Ben" in other
        more = await post(console, view, "noor", decision="ask", question="And when?")
        assert more.status_code == 422
        assert "asked something already" in more.text
        assert view.request_id is not None
        await console.sayso.requests.answer(view.request_id, "the blue one", question=1)
        page = (await read(console, f"solution/{view.id}")).text
        assert "Answered: the blue one" in page
        late = await post(console, view, decision="yes")
        assert late.status_code == 409
        after = await console.sayso.solutions.get(view.id)
        assert statuses(after) == ["pending_approval"] * 3


async def test_a_question_needs_words(tmp_path: Path) -> None:
    """Nobody is asked nothing."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        sent = await post(console, view, decision="ask", question="  ")
        assert sent.status_code == 422
        assert (await console.sayso.solutions.get(view.id)).question is None


async def test_what_is_handed_over_is_told_by_the_words_of_the_customer(tmp_path: Path) -> None:
    """Nobody has to open each to see what it is about."""
    async with open_console(tmp_path) as console:
        await console.sayso.ask("cus_1", "<b>I want</b> to talk to a person")
        page = (await read(console, "?tab=handed-over")).text
        assert "“&lt;b&gt;I want&lt;/b&gt; to talk to a person”" in page


async def test_what_ends_soon_has_a_tab_of_its_own(tmp_path: Path) -> None:
    """What nobody answers within the hour is a no; it is found without reading the others."""
    async with open_console(tmp_path) as console:
        first = await console.ask()
        console.opened.clock.advance(hours=7, minutes=10)
        later = await console.ask(customer=2)
        page = (await read(console, "?tab=expiring")).text
        assert "1 of yours ends within an hour" in page
        assert first.id in page
        assert later.id not in page
        assert re.search(r'aria-current="page">\s*Ends soon <b>1</b>', page)
        assert "Mine <b>2</b>" in page
        for tab in ("mine", "role", "handed-over", "unknown", "decided"):
            other = (await read(console, f"?tab={tab}")).text
            assert re.search(r"Mine <b>2</b>\s*</a>\s*<a [^>]*>\s*Ends soon <b>1</b>", other), tab
        await post(console, first, decision="yes")
        page = (await read(console, "?tab=expiring")).text
        assert "Nothing ends soon" in page
        assert "All answered" not in page
        for tab in ("mine", "role"):
            other = (await read(console, f"?tab={tab}")).text
            assert re.search(r"Mine <b>1</b>\s*</a>\s*<a [^>]*>\s*Ends soon\s*</a>", other), tab


@pytest.mark.promise("approvals:hold")
async def test_a_yes_is_taken_back_on_the_page_that_says_when_it_starts(tmp_path: Path) -> None:
    """Before: that it waits. After a yes: for how long, and the way back. After that: the card."""
    clock = FakeClock()
    async with open_console(tmp_path, approvals={"hold": "30s"}, clock=clock) as console:
        view = await console.ask()
        before = (await read(console, f"solution/{view.id}")).text
        assert "it starts after 30 s; until then the yes can be taken back." in before
        assert "at once" not in before
        assert (await post(console, view, decision="yes")).status_code == 303
        page = (await read(console, f"solution/{view.id}")).text
        assert "Not started:" in page
        assert "Agreed to, and not started yet." in page
        path = f"{ROOT}/solution/{view.id}/take-back"
        assert f'formaction="{path}"' in page
        assert path not in (await read(console, f"solution/{view.id}", "ada")).text
        held = await console.sayso.solutions.get(view.id)
        assert held.starts_at is not None
        assert plain(starts_of(held.starts_at)).endswith(
            "UTC; until then the yes can be taken back."
        )
        async with console.client(await console.sign_in("ada")) as browser:
            refused = await browser.post(path, data={})
            assert refused.status_code == 409
            assert "Nothing was taken back" in refused.text
        async with console.client(await console.sign_in("noor")) as browser:
            done = await browser.post(path, data={})
            assert "Taken back. Nothing moved." in done.text
            assert "Yes, $139.00" in done.text, "the card asks again"
            late = await browser.post(path, data={})
            assert late.status_code == 409
        clock.advance(minutes=5)
        await console.sayso.container.dispatcher.drain()
        assert not console.shop.books.payouts
        await post(console, await console.sayso.solutions.get(view.id), "noor", decision="yes")
        assert "You said yes" in (await read(console, f"solution/{view.id}", "noor")).text
        assert "noor said yes" in (await read(console, f"solution/{view.id}")).text
        found = await console.sayso.statistics.read()
        assert {one.person for one in found.approvers} == {"noor"}, "what was taken back is none"
        case = (await read(console, f"audit/case/{view.request_id}", "ada")).text
        assert "noor took a yes back on" in case
        assert "maria" not in case.partition('id="machine"')[0]
