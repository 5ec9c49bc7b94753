"""May it be done: the question that a policy is asked, the rules in Cedar, and the card."""
