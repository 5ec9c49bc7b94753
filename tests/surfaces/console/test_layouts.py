"""Pages hold in any language: from right to left, with words a half longer, on small windows."""

from __future__ import annotations

from pathlib import Path

import pytest
from surfaces.console.served_console import chromium, needs_chromium, open_console

WIDTHS = (320, 390, 1024)
NAME = "Maximiliane-Friederike von Hohenzollern-Sigmaringen"
PSEUDO = r"""
() => {
  document.documentElement.dir = 'rtl';
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walk.nextNode()) found.push(walk.currentNode);
  for (const one of found) {
    const whose = one.parentElement.closest('script, style, .mono, pre, time, .money, select');
    if (whose || !/[a-z]{3}/i.test(one.data)) continue;
    const words = one.data.trim().split(' ');
    one.data = `${one.data} ${words.slice(0, Math.ceil(words.length / 2)).join(' ')}`;
  }
  const sums = document.querySelectorAll('.money');
  for (const one of sums) one.textContent = '1\u00a0139 KWD 250 fils';
}
"""
"""A pseudo-locale: every text of the page a half longer, from right to left, money in dinars."""
OVERFLOWING = r"""
() => {
  const wide = document.documentElement.clientWidth;
  const cut = [...document.querySelectorAll('main *, header *')].filter(one => {
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    const aside = style.position === 'absolute' || one.closest('.scroll, .hide, pre');
    if (!box.width || aside) return false;
    const hides = style.overflowX !== 'visible' && style.textOverflow !== 'ellipsis';
    const out = box.right > wide + 1 || box.left < -1;
    return out || (hides && one.scrollWidth > one.clientWidth + 1);
  });
  const scrolls = document.documentElement.scrollWidth > wide;
  const named = cut.map(one => `${one.tagName}.${one.className}: ${one.textContent.slice(0, 40)}`);
  const broken = [...document.querySelectorAll('main .btn')].filter(one => {
    const walk = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
    const part = document.createRange();
    while (walk.nextNode()) {
      for (const word of walk.currentNode.data.matchAll(/[^\s-]+/g)) {
        part.setStart(walk.currentNode, word.index);
        part.setEnd(walk.currentNode, word.index + word[0].length);
        if (new Set([...part.getClientRects()].map(box => box.top)).size > 1) return true;
      }
    }
    return false;
  }).map(one => `a word of ${one.textContent.trim()}`);
  return [...(scrolls ? ['the page'] : []), ...named, ...broken];
}
"""
"""What is wider than the window, cut off by what holds it, or a button that breaks a word."""


@needs_chromium
@pytest.mark.promise("console:languages")
async def test_no_text_is_cut_in_any_language_on_any_window(tmp_path: Path) -> None:
    """A stop's banner and a long name at 320, 390 and 1,024 px: in German, and so made up."""
    async with open_console(tmp_path, name=NAME) as console, chromium() as browser:
        view = await console.ask()
        await console.sayso.stops.engage("action", "shop.gift", reason="they come twice")
        wrong: dict[str, list[str]] = {}
        for locale in ("de-DE", "en-GB"):
            page = await (await console.context(browser, locale=locale)).new_page()
            for where in (
                "",
                f"solution/{view.id}",
                f"solution/{view.id}#no",
                "stop",
                "me",
                "people",
                "audit?verify=1",
                "audit?q=amount:much",
                "audit/questions/people-changes",
                f"audit/case/{view.request_id}",
            ):
                for width in WIDTHS:
                    await page.set_viewport_size({"width": width, "height": 800})
                    await page.goto("about:blank")  # a mere fragment would not load it anew
                    await page.goto(console.path(where))
                    if locale == "en-GB":
                        await page.evaluate(PSEUDO)
                    if cut := await page.evaluate(OVERFLOWING):
                        wrong[f"{where} {width} {locale}"] = cut[:4]
        assert not wrong, "\n".join(f"{k}: {v}" for k, v in wrong.items())
