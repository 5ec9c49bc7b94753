"""How people and programs reach a workspace; each is thin over the SDK, and none knows another."""
