"""What may be asked, whether it is allowed, who says yes, and how it is done once.

No module here knows a provider, a surface or a model. Where to look, in the order of a life:

- `model`: what an action is, its states, its rows, and the port to connectors;
- `policy`: may it be done; `limits`: how much of it; `rollout`: by itself yet, or not;
- `approvals`: who says yes, no or less;
- `engine`: how it is done once: proposed, claimed, called, settled, reconciled, compensated;
- `controls`: what holds it back, and what a person does by hand;
- `context`: what all of these work with.
"""
