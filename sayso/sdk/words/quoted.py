"""Who wrote what is quoted, and what of it nobody has checked: the same words on every surface."""

from __future__ import annotations

from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.solution import first_name

UNCHECKED = (
    "What it says happened is not checked; amount, payee and account were read at the provider."
)
CUSTOMER_WROTE = "Customer wrote (what it says happened is not checked)"
"""Above a turn of the conversation."""


def who_wrote(view: SolutionView, when: str = "") -> str:
    """Whose words a card quotes: the customer's, or those of who proposed it without any.

    Args:
        when: such as `today at 12:00`; empty where it stands elsewhere.
    """
    at = f" {when}" if when else ""
    if view.proposed_by:
        return f"Written by {view.proposed_by}{at}, not by the customer."
    return f"{first_name(view.customer.name)} wrote this{at}."
