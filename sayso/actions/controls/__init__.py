"""What holds an action back: the kill switch, other actions, rates, a person, an erasure."""
