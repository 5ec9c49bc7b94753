"""Who plans: a customer's words become a plan whose steps are grounded in words and records.

`requests` keeps what was asked (`incoming`), in rows (`new_request`, `request_row`) with their
`conversation`, which goes on from what was `earlier` in its thread where it puts that right;
`runner` leads each through the `graph` (LangGraph), with what a `run` works with. Planners keep the
contract in `base` and stand in a `chain`: `understanding` first (no model; `acts` and `languages`
are its data), then `models` by `model_calls`, with their `prompts` and `spending`; they see records
by handles only, of all accounts that are theirs (`customer_records`). `grounding` refuses an amount
that is not in the customer's words (`customer_statement`); `intent` what nobody asked for.
`confirmation` says what they need not say yes to, and `question` asks them back; `people_question`
is for people who decide, and `reply` says what is true by the ledger (`standing`, in every state),
in the `phrases` and `formats` of the customer's language and by what things are there (`calling`).
What was `drafted` and must not be done by itself is a person's, who may make a `draft_proposal`.
Whom nobody knows is asked for a code (`step_up`: a `verify_question`, `codes`, `code_answers`), or
to press the button behind a link (`code_letters`, `code_links`, `code_presses`); both count while
they went to where the account is reached (`code_places`). What a customer does not want any more is
stopped as a `withdrawal`. `evaluation` measures planners; `erasure` empties the rows of a customer
who is erased. Where nothing is to be done, `telling` answers by `answers`.
"""
