"""What may be asked, whether it is allowed, who says yes, and how it is done once.

No module here knows a provider, a surface or a model. Where to look:

- what an action is: `action` (its definition), `rows` (how it is stored), `state` (its life),
  `snapshot` (what was found at the provider), `digest` (what ties it all together);
- asking: `proposals`, `keys` (of callers), `plan`, `priority`, `reading` (the provider);
- judging: `judging`, `policy` (the question and the answer), `cedar` (the language of the rules);
- deciding: `queue` (what waits), `card` (what is shown), `approvals`, `decision` and `approver`
  (what counts, and whose), `lowered` (what was asked for before), `reminding`, `escalation`;
- doing: `engine` (the steps), `claiming` (the intent), `binding` (is it still what was approved),
  `calls`, `lease`, `rates`, `settling`, `ending` (without a call);
- when nobody knows: `recovery` (the rules), `denied` and `late` (look-ups before a no, and long
  after it), `resolution` (a person);
- holding back: `stopping` (the switch), `holding`, `waiting` (for steps of the same plan),
  `undoing`;
- writing: `moves` and `ledger`, which change no row without an entry of the log;
- and `erasing`, and `reach`, the port to connectors that the wiring fills.
"""
