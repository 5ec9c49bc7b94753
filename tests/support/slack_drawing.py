"""Block Kit as HTML, drawn as Slack draws it: the few blocks that our cards and forms have.

A block, an element or a key of them that is not known here is an error, and not left out.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sayso.testing.slack import OpenView, PostedMessage

Block = Mapping[str, Any]
_STYLE = """
body{margin:0;background:#fff;color:#1d1c1d;
font:15px/1.46668 Lato,Inter,"Helvetica Neue",sans-serif}
.shot{width:720px;padding:14px 20px;box-sizing:border-box}
.message{display:flex;gap:8px;padding:4px 0 10px}
.face{flex:none;width:36px;height:36px;border-radius:8px;background:#17191c;color:#fff;font-weight:800;
font-size:18px;display:grid;place-items:center}
.body{flex:1;min-width:0}.who{font-weight:800}.app{background:#e8e8e8;color:#616061;font-size:10px;
font-weight:700;border-radius:2px;padding:1px 3px;vertical-align:1px}
.at{color:#616061;font-size:12px}
.header{font-size:18px;font-weight:800;line-height:1.33;margin:6px 0 8px}
.section{margin:0 0 8px;white-space:pre-wrap;overflow-wrap:break-word}
.fields{display:grid;grid-template-columns:1fr 1fr;gap:6px 20px;margin:0 0 8px}
.fields div{white-space:pre-wrap;overflow-wrap:break-word}
.context{color:#616061;font-size:13px;line-height:1.38;margin:0 0 8px;white-space:pre-wrap}
.quote{border-left:4px solid #ddd;padding-left:12px;margin:2px 0;white-space:pre-wrap}
.rich{margin:0 0 8px;white-space:pre-wrap;overflow-wrap:break-word}
.actions{display:flex;flex-wrap:wrap;gap:8px;margin:2px 0 10px}
.button{border:1px solid rgba(29,28,29,.3);border-radius:8px;font-weight:700;font-size:13px;
padding:5px 12px;background:#fff}
.mention{background:#e8f5fa;color:#1264a3;border-radius:3px;padding:0 2px}
.rule{display:flex;align-items:center;gap:12px;color:#616061;font-size:13px;margin:2px 0 6px}
.rule:after{content:"";flex:1;border-top:1px solid #ddd}
.veil{background:#f4f4f4;padding:18px}.modal{background:#fff;border-radius:8px;width:520px;
margin:0 auto;box-shadow:0 0 0 1px rgba(29,28,29,.13),0 8px 24px rgba(0,0,0,.12)}
.title{display:flex;align-items:center;padding:16px 24px;font-size:20px;font-weight:800}
.title span{margin-left:auto;color:#616061;font-weight:400}.inside{padding:0 24px 8px}
.label{font-weight:700;margin:10px 0 6px}.label i{color:#616061;font-style:normal;font-weight:400}
.input{border:1px solid rgba(29,28,29,.5);border-radius:4px;min-height:36px;padding:6px 12px;
box-sizing:border-box;color:#616061;display:flex;justify-content:space-between}
.input.tall{min-height:78px}.hint{color:#616061;font-size:13px;margin:4px 0 12px}
.box{display:flex;gap:8px;margin:4px 0}.tick{flex:none;width:16px;height:16px;border-radius:3px;
background:#1264a3;color:#fff;font-size:12px;line-height:16px;text-align:center;margin-top:3px}
.foot{display:flex;justify-content:flex-end;gap:12px;padding:16px 24px;border-top:1px solid #ddd}
.foot .button{font-size:15px;padding:6px 14px}
.send{background:#007a5a;color:#fff;border-color:#007a5a}
"""


def draw_page(drawn: Mapping[str, str]) -> str:
    """All pictures on one page that loads nothing."""
    shots = "\n".join(
        f'<div class="shot" id="{name}">\n{one}\n</div>' for name, one in drawn.items()
    )
    head = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Slack</title>'
    return f"{head}\n<style>{_STYLE}</style>\n{shots}\n</html>\n"


def draw_message(
    message: PostedMessage, users: Mapping[str, str], *, at: datetime, edited: bool = False
) -> str:
    """A message of ours in the channel."""
    time = f'<span class="at">{at:%H:%M}{" (edited)" if edited else ""}</span>'
    who = f'<span class="who">Sayso</span> <span class="app">APP</span> {time}'
    blocks = "\n".join(_block(block, users) for block in message.blocks)
    return (
        f'<div class="message"><div class="face">S</div><div class="body"><div>{who}</div>\n'
        f"{blocks}</div></div>"
    )


def draw_thread(card: PostedMessage, replies: Sequence[str]) -> str:
    """What stands below a card, whose first line stands above it."""
    title: Block = card.blocks[0]
    count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
    below = "\n".join(replies)
    return (
        f'<div class="header">{_text(title["text"])}</div><div class="rule">{count}</div>\n{below}'
    )


def draw_modal(form: OpenView) -> str:
    """A form that somebody has before them."""
    view: Block = form.view
    blocks = "\n".join(_block(block, {}) for block in view["blocks"])
    close, submit = _text(view["close"]), _text(view["submit"])
    return (
        f'<div class="veil"><div class="modal"><div class="title">{_text(view["title"])}'
        f'<span>✕</span></div>\n<div class="inside">{blocks}</div>\n<div class="foot">'
        f'<div class="button">{close}</div><div class="button send">{submit}</div></div>'
        "</div></div>"
    )


def _block(block: Block, users: Mapping[str, str]) -> str:
    match dict(block):
        case {"type": "header", "text": text}:
            return f'<div class="header">{_text(text)}</div>'
        case {"type": "section", "fields": fields}:
            inner = "".join(f"<div>{_text(one)}</div>" for one in fields)
            return f'<div class="fields">{inner}</div>'
        case {"type": "section", "text": text}:
            return f'<div class="section">{_text(text)}</div>'
        case {"type": "context", "elements": parts}:
            return "".join(f'<div class="context">{_text(one)}</div>' for one in parts)
        case {"type": "actions", "elements": buttons}:
            inner = "".join(f'<div class="button">{_text(one["text"])}</div>' for one in buttons)
            return f'<div class="actions">{inner}</div>'
        case {"type": "rich_text", "elements": parts}:
            return f'<div class="rich">{"".join(_rich(part, users) for part in parts)}</div>'
        case {"type": "input", "label": label, "element": element, **rest}:
            optional = " <i>(optional)</i>" if rest.get("optional") else ""
            hint = f'<div class="hint">{_text(rest["hint"])}</div>' if "hint" in rest else ""
            return f'<div class="label">{_text(label)}{optional}</div>{_element(element)}{hint}'
        case other:
            raise LookupError(f"nobody draws a `{other.get('type')}`")


def _rich(part: Block, users: Mapping[str, str]) -> str:
    inner = "".join(_piece(piece, users) for piece in part["elements"])
    match part["type"]:
        case "rich_text_quote":
            return f'<div class="quote">{inner}</div>'
        case "rich_text_section":
            return f"<div>{inner}</div>"
        case other:
            raise LookupError(f"nobody draws a `{other}`")


def _piece(piece: Block, users: Mapping[str, str]) -> str:
    match piece["type"]:
        case "user":
            return f'<span class="mention">@{html.escape(users[piece["user_id"]])}</span>'
        case "date":
            return html.escape(piece["fallback"])
        case "text":
            style = piece.get("style", {})
            assert style.keys() <= {"bold", "italic"}, style
            text = html.escape(html.unescape(piece["text"]))
            text = f"<b>{text}</b>" if style.get("bold") else text
            return f"<i>{text}</i>" if style.get("italic") else text
        case other:
            raise LookupError(f"nobody draws a `{other}`")


def _element(element: Block) -> str:
    match element["type"]:
        case "static_select":
            placeholder = _text(element["placeholder"])
            return f'<div class="input"><span>{placeholder}</span><span>⌄</span></div>'
        case "plain_text_input":
            tall = " tall" if element.get("multiline") else ""
            return f'<div class="input{tall}"></div>'
        case "checkboxes":
            ticked = element.get("initial_options", [])
            return "".join(
                f'<div class="box"><div class="tick">{"✓" if one in ticked else ""}</div>'
                f"{_text(one['text'])}</div>"
                for one in element["options"]
            )
        case other:
            raise LookupError(f"nobody draws a `{other}`")


def _text(text: Block) -> str:
    """A text object, with its three escapes taken back as Slack does."""
    assert text["type"] == "plain_text", "our cards have no other"
    return html.escape(html.unescape(text["text"]))
