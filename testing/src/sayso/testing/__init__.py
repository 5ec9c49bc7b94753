"""Ships with Sayso for the tests of connector authors and teams: fakes over real sockets.

`sandbox` (a Stripe-compatible provider), `slack`, `mail`, `idp`, `models`, `shop`, `clock`, and
`suites`, which judge a connector.
"""
