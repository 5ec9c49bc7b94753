"""The audit page: what a question finds can be kept, completed, and taken away as a file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from surfaces.console.served_console import (
    ROOT,
    chromium,
    needs_chromium,
    open_console,
    violations,
)

from sayso.audit.entry import Actor, ActorKind
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.sdk.resources.tokens import Scope

pytestmark = pytest.mark.promise("console:audit")


async def test_a_question_is_taken_away_as_files_that_verify_or_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly what was found, with its manifest; each export is an entry, by whoever asked."""
    left = tmp_path / "left"
    left.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(left))
    async with open_console(tmp_path) as console:
        await console.ask()
        async with console.client(await console.sign_in()) as browser:

            async def take(kind: str, words: str) -> bytes:
                form = {"q": words, "format": kind}
                said = await browser.post(f"{ROOT}/audit/export", data=form)
                assert said.status_code == 200, said.text
                assert said.headers["cache-control"] == "no-store"
                return said.content

            whole = zipfile.ZipFile(io.BytesIO(await take("jsonl", "")))
            whole.extractall(tmp_path / "out")
            found = verify(tmp_path / "out" / "log")
            assert not found.findings
            assert found.entries > 8

            pending = (await take("cloudevents", "kind:action.pending")).decode().splitlines()
            table = zipfile.ZipFile(io.BytesIO(await take("csv", "kind:action.pending")))
            said = json.loads(table.read("manifest.json"))
            rows = list(csv.DictReader(io.StringIO(table.read("log.csv").decode())))
            assert [row["kind"] for row in rows] == ["action.pending"] * 3
            assert [row["seq"] for row in rows] == [json.loads(one)["id"] for one in pending]
            assert {row["amount_minor"] for row in rows} == {"12900", "1000", ""}
            assert (said["count"], said["query"]) == (3, "kind:action.pending")
            assert (str(said["first"]), str(said["last"])) == (rows[0]["seq"], rows[-1]["seq"])
            assert said["sha256"] == hashlib.sha256(table.read("log.csv")).hexdigest()
            assert said["exported_by"] == "person:maria"
            assert said["head"].startswith("test/main\n")

            odd = await browser.post(f"{ROOT}/audit/export", data={"q": "", "format": "exe"})
            assert odd.status_code == 422
            none = {"q": "kind:nothing.such", "format": "csv"}
            assert (await browser.post(f"{ROOT}/audit/export", data=none)).status_code == 422
        entries = await console.sayso.audit.tail(10)
        by = [entry.actor for entry in entries if entry.kind == "audit.exported"]
        assert by[:3] == ["person:maria"] * 3
        assert list(left.iterdir()) == []


@pytest.mark.tampers("changes an entry")
@pytest.mark.parametrize(
    ("was", "now"), [('"amount_minor":12900', '"amount_minor":12901'), ('"kind":"', '"kind":"x')]
)
async def test_an_entry_that_somebody_changed_is_named_on_the_page(
    tmp_path: Path, was: str, now: str
) -> None:
    """By SQL, in the file, readable or not: which entries, in words, and that nothing counts."""
    async with open_console(tmp_path) as console:
        await console.ask()
        with closing(sqlite3.connect(tmp_path / "sayso.db", isolation_level=None)) as database:
            rows = database.execute("select seq, body from log_entry order by seq").fetchall()
            seq, body = next((seq, body) for seq, body in rows if seq > 2 and was in body)
            database.execute("drop trigger log_entry_is_never_changed")
            database.execute(
                "update log_entry set body = ? where seq = ?", (body.replace(was, now, 1), seq)
            )
        async with console.client(await console.sign_in()) as browser:
            page = (await browser.get(f"{ROOT}/audit?verify=1")).text
            german = {"accept-language": "de"}
            said = (await browser.get(f"{ROOT}/audit?verify=1", headers=german)).text
        assert "The log does not verify" in page
        assert re.search(r"<p>entr(y|ies) \d", page)
        assert re.search(
            r"<p>(Eintrag|Einträge) \d[^<]*: [dD](er|ie) (Einträge|Inhalt|Spalte)", said
        )
        assert "Finding(" not in page


async def test_the_evidence_of_an_action_is_taken_from_its_page(tmp_path: Path) -> None:
    """The same page as at the command line, which verifies; taking it is an entry."""
    async with open_console(tmp_path) as console:
        view = await console.ask()
        path = f"{ROOT}/action/{view.steps[0].action_id}"
        async with console.client(await console.sign_in()) as browser:
            assert f'action="{path}/evidence"' in (await browser.get(path)).text
            said = await browser.post(f"{path}/evidence")
            assert said.headers["content-disposition"].startswith("attachment")
            assert (await browser.post(f"{ROOT}/action/act_none/evidence")).status_code == 404
            assert "/receipt" not in (await browser.get(path)).text  # it still waits
            assert (await browser.post(f"{path}/receipt")).status_code == 409
        (tmp_path / "pack.html").write_bytes(said.content)
        assert verify(tmp_path / "pack.html", deep=True).verdict is Verdict.VERIFIED
        (newest,) = await console.sayso.audit.tail(1)
        assert (newest.kind, newest.actor) == ("audit.exported", "person:maria")


async def test_a_question_is_kept_and_forgotten(tmp_path: Path) -> None:
    """In this browser, under a name that is text; what somebody put into the cookie is not run."""
    async with (
        open_console(tmp_path) as console,
        console.client(await console.sign_in()) as browser,
    ):
        name = '<img src=x onerror="1">'
        form = {"q": "kind:action.pending", "name": name}
        assert (await browser.post(f"{ROOT}/audit/saved", data=form)).status_code == 303
        page = (await browser.get(f"{ROOT}/audit?q=kind:action.pending")).text
        assert "&lt;img src=x" in page
        assert "<img" not in page
        assert "Forget" in page
        forget = {"name": name, "do": "forget"}
        assert (await browser.post(f"{ROOT}/audit/saved", data=forget)).status_code == 303
        assert "&lt;img" not in (await browser.get(f"{ROOT}/audit")).text
        for odd in ("{", "[1]", '[["", ""]]', '[["a"]]', '{"a": 1}'):
            browser.cookies.set("sayso_saved", quote(odd))
            assert (await browser.get(f"{ROOT}/audit")).status_code == 200
        empty = await browser.post(f"{ROOT}/audit/saved", data={"name": "", "q": "x"})
        assert empty.status_code == 422


@needs_chromium
async def test_the_word_that_one_writes_is_completed(tmp_path: Path) -> None:
    """Qualifiers first, then what a qualifier can say; and the page stays without a fault."""
    async with open_console(tmp_path) as console, chromium() as browser:
        await console.ask()
        async with await console.context(browser, viewport={"width": 360, "height": 780}) as window:
            page = await window.new_page()
            await page.goto(console.path("audit?q=kind:action.pending"))
            assert await violations(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= 360

            async def offered(words: str) -> list[str]:
                await page.locator("#q").fill(words)
                found: list[str] = await page.eval_on_selector_all(
                    "#words option", "all => all.map(one => one.value)"
                )
                return found

            assert await offered("actor:maria ki") == ["actor:maria kind:"]
            assert "actor:maria kind:action.approved" in await offered("actor:maria kind:action.a")
            assert await offered("outcome:") == ["outcome:allow", "outcome:ask", "outcome:deny"]
            assert await offered("actor:maria") == []
            await page.goto(console.path("audit?verify=1"))
            text = await page.inner_text("main")
            assert "This server verified all " in text


async def test_a_question_with_a_name_is_a_page_and_a_file(tmp_path: Path) -> None:
    """The same ten as everywhere; a cut log gets no answer, and a name that is none no page."""
    async with open_console(tmp_path) as console:
        await console.ask()
        async with console.client(await console.sign_in()) as browser:
            start = (await browser.get(f"{ROOT}/audit")).text
            for one in console.sayso.audit.questions():
                assert f"audit/questions/{one.name}" in start
            page = (await browser.get(f"{ROOT}/audit/questions/people-changes")).text
            assert "lie under the signed head" in page
            assert "support manager" in page
            file = await browser.get(f"{ROOT}/audit/questions/people-changes?format=csv")
            rows = list(csv.DictReader(io.StringIO(file.text)))
            assert {row["whom"] for row in rows} == {"maria", "noor", "finn", "ada"}
            odd = await browser.get(f"{ROOT}/audit/questions/refunds?over=x")
            assert odd.status_code == 422
            assert (await browser.get(f"{ROOT}/audit/questions/none")).status_code == 404


@needs_chromium
async def test_who_approved_what_for_whom_and_why_is_two_acts_from_the_audit_page(
    tmp_path: Path,
) -> None:
    """Find, open; read who, what they were shown, why, what moved, what was told, and the proof."""
    async with open_console(tmp_path, name="Mia Fontaine") as console, chromium() as browser:
        view = await console.ask()
        _, secret = await console.sayso.tokens.create(
            console.sayso.tenant,
            "person",
            "maria",
            frozenset({Scope.DECIDE}),
            days=1,
            by=Actor(kind=ActorKind.SERVICE, id="test"),
        )
        await console.sayso.solutions.answer(
            view.id,
            "approve",
            token=secret,
            revision=view.revision,
            digest=view.digest,
            via="console",
            reason="Photo of the broken mugs is in the ticket.",
        )
        context = await console.context(browser, "ada")
        page = await context.new_page()
        await page.goto(console.path("audit"))
        await page.fill("#case", f"139 mia {console.sayso.now():%B}")
        await page.click("text=Find a case")
        assert "Mia" not in page.url
        await page.click("a[data-row]")
        text = await page.inner_text("article")
        for said in (
            "maria said yes to $139.00 for Mia Fontaine",
            "support manager",
            "The mugs came broken.",
            "Refund",
            "Policy version 1",
            "$129.00 by refund: done",
            "none changed",
            "maria: Photo of the broken mugs is in the ticket.",
        ):
            assert said in text, (said, text)
        assert "request.asked" not in text
        assert await violations(page) == []
        assert await page.locator("#machine").evaluate("one => one.open") is False
        await page.emulate_media(media="print")
        assert await page.locator("#machine").is_hidden()
        assert await page.locator(".only-print").is_visible()
        if folder := os.environ.get("SAYSO_PICTURES"):
            await page.pdf(path=f"{folder}/case.pdf", prefer_css_page_size=True)
            await page.set_viewport_size({"width": 673, "height": 1010})
            await page.screenshot(path=f"{folder}/print.png", full_page=True)
            await page.emulate_media(media="screen")
            await page.set_viewport_size({"width": 1440, "height": 1000})
            await page.screenshot(path=f"{folder}/case.png", full_page=True)
            await page.goto(console.path("audit"))
            await page.screenshot(path=f"{folder}/audit.png")
