"""What people read in their own language: words by gettext, figures and times by the Unicode CLDR.

Where to look: `languages` names the languages, chooses a reader's, and writes money, numbers and
times as it does · `catalogs` reads the translations of `locales/` · `listed/` has the
sentences that the floors below make, a file a noun, and `sentences` finds which one a text is.
"""
