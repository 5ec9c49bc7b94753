"""Why people are asked: every condition, limit and dial that asks, found from the rules."""
