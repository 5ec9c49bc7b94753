"""The style of the page: for a screen and for A4 paper, without anything from outside."""

_FIRST = """
@page { size: A4; margin: 16mm 15mm 18mm; }
:root { --ink: #1b2430; --soft: #5d6b7c; --line: #d7dee7; --pale: #f5f7fa; --mark: #0b6b4f;
  --warn: #9a4a00; --bad: #a3202c; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 32px 28px; max-width: 820px; color: var(--ink); background: #fff;
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere; }
header { border-bottom: 3px solid var(--ink); padding-bottom: 14px; margin-bottom: 20px; }
.over { color: var(--soft); font-size: 12px; letter-spacing: .08em; text-transform: uppercase; }
h1 { font-size: 25px; line-height: 1.25; margin: 4px 0 10px; }
h2 { font-size: 16px; margin: 26px 0 8px; padding-bottom: 4px; border-bottom: 1px solid var(--line);
  break-after: avoid; }
h2 small { float: right; font-size: 11px; font-weight: 600; color: var(--mark); padding-top: 4px; }
h2 small.beside { color: var(--warn); }
p { margin: 6px 0; }
.badge { display: inline-block; padding: 2px 10px; border-radius: 999px; font-weight: 600;
  font-size: 12px; background: var(--pale); border: 1px solid var(--line); }
.badge.good { color: #fff; background: var(--mark); border-color: var(--mark); }
.badge.bad { color: #fff; background: var(--bad); border-color: var(--bad); }
.badge.open { color: #fff; background: var(--warn); border-color: var(--warn); }
dl { display: grid; grid-template-columns: 150px 1fr; gap: 3px 14px; margin: 6px 0; }
dt { color: var(--soft); }
dd { margin: 0; }
code, pre { font: 12px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono",
  monospace; }
pre { white-space: pre-wrap; background: var(--pale); border: 1px solid var(--line);
  border-radius: 6px; padding: 10px 12px; margin: 6px 0; }
blockquote { margin: 6px 0; padding: 8px 14px; border-left: 3px solid var(--warn);
  background: var(--pale); white-space: pre-wrap; unicode-bidi: isolate; }
.card { border: 1px solid var(--ink); border-radius: 10px; padding: 14px 18px; margin: 10px 0;
  break-inside: avoid; }
.card h3 { margin: 0 0 8px; font-size: 16px; }
table { width: 100%; border-collapse: collapse; margin: 8px 0; font-size: 12.5px; }
th, td { overflow-wrap: break-word; }
td code { overflow-wrap: anywhere; }
td:nth-child(2) { white-space: nowrap; }
th { text-align: left; white-space: nowrap;
  color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--ink);
  padding: 3px 8px 3px 0; }
td { vertical-align: top; border-bottom: 1px solid var(--line); padding: 4px 8px 4px 0; }
tr { break-inside: avoid; }
thead { display: table-header-group; }
.entry { break-inside: avoid; margin: 10px 0; }
.entry pre { font-size: 10.5px; }
.note { color: var(--soft); font-size: 12px; }
footer { margin-top: 28px; border-top: 1px solid var(--line); padding-top: 10px; }
.data { display: none; }
@media print { body { padding: 0; max-width: none; font-size: 11.5px; } h1 { font-size: 20px; }
  .entry pre { font-size: 8.5px; } }
"""

# Columns keep their widths whatever stands in them: a long word was cut off at the edge of the
# paper, and pressed the others together. Each paragraph of somebody's words runs as its script
# does.
_SECOND = """table { table-layout: fixed; }
th:nth-child(1) { width: 48px; }
th:nth-child(2) { width: 142px; }
th:nth-child(6) { width: 28%; }
th, td { overflow-wrap: anywhere; }
th { white-space: normal; vertical-align: bottom; }
td blockquote { padding: 4px 8px; }
td code { font-size: 11.5px; }
blockquote { unicode-bidi: plaintext; }
@media print { th:nth-child(2) { width: 126px; } table { font-size: 10.5px; }
  td code { font-size: 9.5px; } }
@media (max-width: 600px) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 6px; }
  table { min-width: 620px; } section { overflow-x: auto; } }
"""

STYLES = {1: _FIRST, 2: _FIRST + _SECOND, 3: _FIRST + _SECOND}
"""By the version of the evidence: a page that was made earlier is still made again as it was."""
