"""A provider's own description: what its requests take and its answers hold.

- `openapi` reads OpenAPI 3 and Swagger 2, `graphql` a schema or an introspection; both lazily.
- `shape` makes an answer from a schema, `paths` finds what a JMESPath reads that is not in it.
- `conform` judges a manifest by them. Needs the extra `connectors`.
"""
