"""What every chat shows and takes alike: a card's words, the four answers, what is told beside it.

A chat renders the parts (`card`, `news`) in its own way, with its own escaping in `fit`, reads
clicks into a `pointer`, and has `answers` decide them. It adds no word and no rule of its own.
"""
