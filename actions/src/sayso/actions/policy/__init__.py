"""May it be done: the question that a policy is asked, the rules in Cedar, and the card.

`evaluator` judges, with limits and the roll-out; `base` is what is asked and answered; `cedar` asks
the engine, one `slices` of the rules for each action. `reading` makes a policy of a document:
`cedar_rules`, `cedar_schema`, `cedar_errors`, `tables`, `calendar`, with each `problem`; only
`cedarpy_adapter` calls the engine, and `absent` is what other programs' actions tell. `formula`
says the same as the rules without it, for `analysis`, `examples`, `claims`, `backtest` (with
`playing`) and `suggest`, and for the `reasons` for which people are asked, which `card_reasons`
joins with limits and the roll-out; `document`, `versions`, `active` and `activation` are what is in
force; `card`, `why` and `signs` are what people are shown; `judged` is what comes of it all,
`own_words` the law of what Sayso says. `policies` are shipped.
"""
