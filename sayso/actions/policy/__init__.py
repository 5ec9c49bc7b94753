"""May it be done: the question that a policy is asked, the rules in Cedar, and the card.

`base` is what is asked and answered; `cedar` asks the engine, one `slices` of the rules for each
action; `tables`, `calendar` and `missing` are what rules can say; `formula` says the same as the
rules without the engine, for `analysis`, `examples`, `claims` and `backtest`; `document`,
`versions`, `active` and `activation` are what is in force; `evaluator` judges, with limits and the
roll-out; `card`, `why` and `signs` are what people are shown.
"""
