"""A manifest judged without one being written by hand: `NAME.toml` and `NAME.cases.toml` suffice.

- `suite` is the shipped `ConnectorSuite`, and what a manifest has to keep beside it;
- `provider` is the small stateful provider that is built from the two files; `cases` reads them.
"""

from sayso.testing.manifests.cases import Cases, CaseTable, read_cases
from sayso.testing.manifests.provider import GeneratedProvider
from sayso.testing.manifests.server import ProviderServer
from sayso.testing.manifests.suite import ManifestSuite, checks, suites_of, uncovered

__all__ = [
    "CaseTable",
    "Cases",
    "GeneratedProvider",
    "ManifestSuite",
    "ProviderServer",
    "checks",
    "read_cases",
    "suites_of",
    "uncovered",
]
