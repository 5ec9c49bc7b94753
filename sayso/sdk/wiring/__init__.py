"""The parts that `container` puts together, and those that look at them from outside."""
