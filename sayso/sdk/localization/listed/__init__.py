"""Every sentence that is made of values below the pages, as it is made: see sentences.py above.

`{money}` is one amount or several, `{number}` a whole number, `{line}` a sentence of this list or
anything else, `{list}` several of them, `a, b and c`, `{any}` `a, b or c`; `{answer}`, `{nothing}`
and `{word}` are what that file says of them. Whatever has another name stays as it is.

Where to look, one noun each: `menu` (with times and what the script says) · `inbox` · `card` ·
`step` · `reason` · `stop` · `action` · `work` · `people` · `figures` · `policy` · `case` · `seat` ·
`repair` · `audit` · `entry` · `question` · `refusal` · `finding` · `change` · `push`;
`every` has all of them together.
"""
