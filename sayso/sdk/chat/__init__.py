"""What every chat shows and takes alike: a card's words, the four answers, what is told beside it.

A chat draws the parts in its own way, with its own escaping, and adds no word and no rule.

Where to look: `shown` reads what a card shows, `card` makes its parts, `forms` what its answers ask
for, `fit` cuts and escapes foreign text, `moment` is a time in a sentence · `pointer` is what a
button carries, `answers` decides · `news` and `evidence` are told beside the cards, `canaries` are
test cards, `work` is what people have to do, `calls` who is called by name · `finding` is what a
channel's doctor says.
"""
