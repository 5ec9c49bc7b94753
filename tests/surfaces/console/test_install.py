"""The console as an app: in a real browser it installs, shows what is pushed, and says offline."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import CDPSession, Page
from support.push_service import PushService, SoftBrowser
from surfaces.console.served_console import (
    ROOT,
    ServedConsole,
    needs_chromium,
    open_console,
    profile,
    violations,
)
from surfaces.push.push_shop import PushShop, tables

from sayso.sdk.localization.languages import LANGUAGES, language

PUSH_HERE = """(said) => {
  PushManager.prototype.subscribe = async (options) => {
    const key = new Uint8Array(options.applicationServerKey);
    window.askedKey = [...key];
    return JSON.parse(said);
  };
  PushManager.prototype.getSubscription = async () => null;
}"""
"""No push service is reached from here: one that the test has made answers in its place."""
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map((one) => ({ title: one.title, body: one.body, tag: one.tag }))"""
CLICK = """async () => {
  const [shown] = await self.registration.getNotifications();
  let opened = "";
  self.clients.openWindow = async (url) => { opened = url; };
  const event = new NotificationEvent("notificationclick", { notification: shown });
  const waits = [];
  event.waitUntil = (work) => waits.push(work);
  self.dispatchEvent(event);
  await Promise.all(waits);
  return opened;
}"""
"""A click from outside of a page cannot be made here: the worker is given one, and where it leads
is taken down, since only a true click may open a window."""


async def shown(page: Page, devtools: CDPSession, said: str) -> list[dict[str, str]]:
    """What the browser shows once a push is handed to the worker, as its push service would.

    NOTE: one that comes while a worker is being started may be lost, so it is handed over again;
    its tag keeps that one notification.
    """
    found: asyncio.Queue[str] = asyncio.Queue()

    def registered(event: dict[str, Any]) -> None:
        for one in event["registrations"]:
            found.put_nowait(one["registrationId"])

    devtools.on("ServiceWorker.workerRegistrationUpdated", registered)
    await devtools.send("ServiceWorker.enable")
    number = await asyncio.wait_for(found.get(), 30)
    origin = page.url.partition(ROOT)[0]
    push = {"origin": origin, "registrationId": number, "data": said}
    for _ in range(6):
        await devtools.send("ServiceWorker.deliverPushMessage", push)
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                notes: list[dict[str, str]] = []
                while not notes:
                    notes = await page.evaluate(SHOWN)
                return notes
    return []


async def turned_on(page: Page, console: ServedConsole, browser: SoftBrowser) -> None:
    """Somebody turns it on, on their own page."""
    await page.goto(console.path("me"))
    await page.evaluate(PUSH_HERE, browser.said)
    await page.get_by_role("button", name="Tell me in this browser").click()
    await page.get_by_text("this browser", exact=False).first.wait_for()


async def installs(page: Page, devtools: CDPSession) -> None:
    """The browser takes the manifest, and has nothing against installing it."""
    manifest = await devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert (await devtools.send("Page.getInstallabilityErrors"))["installabilityErrors"] == []
    said = json.loads(manifest["data"])
    assert (said["start_url"], said["scope"], said["display"]) == (
        f"{ROOT}/",
        f"{ROOT}/",
        "standalone",
    )
    themes = await page.evaluate(
        "[...document.querySelectorAll('meta[name=theme-color]')].map((one) => one.content)"
    )
    assert themes == ["#f7f7f5", "#121416"]


@needs_chromium
@pytest.mark.promise("push:install")
async def test_it_installs_is_told_opens_the_card_and_says_when_it_is_offline(
    tmp_path: Path,
) -> None:
    """Under the console's own policy for scripts, in Chromium; nothing is kept by the worker."""
    folder = tmp_path / "console"
    with PushService() as service:
        async with (
            open_console(folder, host="localhost", **tables(folder)) as console,
            profile(tmp_path / "profile", permissions=["notifications"]) as context,
        ):
            settings = console.sayso.browsers.settings
            assert settings is not None
            soft = service.subscribe(settings.keys[0].named)
            await console.sign_in_at(context)
            page = await context.new_page()
            problems: list[str] = []
            page.on("console", lambda said: problems.append(said.text))
            await turned_on(page, console, soft)
            (row,) = await console.sayso.browsers.list("maria")
            assert (row.endpoint, row.language) == (soft.endpoint, "en")
            devtools = await context.new_cdp_session(page)
            await installs(page, devtools)
            assert await violations(page) == []
            await _is_told(page, devtools, console, service)
            assert await page.evaluate("caches.keys()") == []
            assert problems == [], "nothing that the policy forbids was tried"
            await _says_offline(page, console)


async def _is_told(
    page: Page, devtools: CDPSession, console: ServedConsole, service: PushService
) -> None:
    """What the server has pushed is shown by the browser, and leads to the card."""
    shop = PushShop(opened=console.opened, service=service)
    await shop.tell()
    view = await console.ask()
    await shop.tell()
    (soft,) = service.browsers.values()
    (push,) = soft.got
    said = json.dumps({"title": push.title, "body": push.body, "tag": push.tag, "path": push.path})
    origin = page.url.partition(ROOT)[0]
    (note,) = await shown(page, devtools, said)
    assert note == {"title": push.title, "body": push.body, "tag": push.tag}
    (worker,) = page.context.service_workers
    opened: str = await worker.evaluate(CLICK)
    assert opened == f"{origin}{ROOT}/solution/{view.id}"
    await page.goto(opened)
    assert await page.locator("#card").count() == 1


async def _says_offline(page: Page, console: ServedConsole) -> None:
    """A page in its reader's words, and nothing that was seen before."""
    await page.context.set_offline(True)
    await page.goto(console.path("figures"))
    assert await page.locator("h1").text_content() == "You are offline; nothing was decided."
    await page.context.set_offline(False)


async def test_the_worker_and_the_manifest_say_nothing_of_anybody_and_speak_every_language(
    tmp_path: Path,
) -> None:
    """Without a session; from the console's root, asked anew, with the policy of every answer."""
    folder = tmp_path / "console"
    async with open_console(folder, **tables(folder)) as console, console.client() as nobody:
        worker = await nobody.get(f"{ROOT}/worker.js")
        assert worker.headers["cache-control"] == "no-cache"
        assert worker.headers["content-type"].startswith("text/javascript")
        assert "caches" not in worker.text
        assert "default-src 'none'" in worker.headers["content-security-policy"]
        for code in LANGUAGES:
            said = language(code).gettext("You are offline; nothing was decided.")
            assert f'"{said}"' in worker.text
            found = (await nobody.get(f"{ROOT}/app.webmanifest?in={code}")).json()
            assert (found["lang"], found["name"]) == (code, "Sayso")
            for icon in found["icons"]:
                answer = await nobody.get(icon["src"])
                assert (answer.status_code, answer.headers["content-type"]) == (200, icon["type"])
        async with console.client(await console.sign_in()) as maria:
            inbox = await maria.get(f"{ROOT}/")
            assert "trusted-types 'none'" in inbox.headers["content-security-policy"]
            assert "push.js" not in inbox.text


@pytest.mark.promise("push:told")
async def test_whoever_signs_out_is_told_nothing_more_and_nobody_elses_is_taken_back(
    tmp_path: Path,
) -> None:
    """Here, or everywhere; and each browser is taken back by its person alone."""
    folder = tmp_path / "console"
    with PushService() as service:
        async with open_console(folder, **tables(folder)) as console:
            browsers = console.sayso.browsers
            assert browsers.settings is not None
            key = browsers.settings.keys[0].named
            for person, form, left in (("maria", {}, 1), ("noor", {"everywhere": "1"}, 0)):
                await browsers.add(person, service.subscribe(key).said)
                async with console.client(await console.sign_in(person)) as client:
                    said = {"do": "tell", "said": service.subscribe(key).said}
                    assert (await client.post(f"{ROOT}/me", data=said)).status_code == 303
                    wrong = await client.post(f"{ROOT}/me", data={"do": "tell", "said": "x"})
                    assert wrong.status_code == 409
                    assert len(await browsers.list(person)) == 2
                    await client.post(f"{ROOT}/leave", data=form)
                assert len(await browsers.list(person)) == left
            (hers,) = await browsers.list("maria")
            async with console.client(await console.sign_in("noor")) as client:
                await client.post(f"{ROOT}/me", data={"do": "untell", "browser": hers.id})
            assert len(await browsers.list("maria")) == 1
            async with console.client(await console.sign_in("maria")) as client:
                await client.post(f"{ROOT}/me", data={"do": "untell", "browser": hers.id})
            assert await browsers.list("maria") == []
