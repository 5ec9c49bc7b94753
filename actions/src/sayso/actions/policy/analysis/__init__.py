"""What can be told about a policy beforehand: what a change does, and why something was decided.

`people` is who might say yes; `direction` finds whether a change loosens anything; `difference`
shows where fewer people, or more, are needed than before; `lint` finds what stands there in vain;
`segments` says what a rule is about, `sampled` tries where nobody can search, and `words` says the
rest.
"""
