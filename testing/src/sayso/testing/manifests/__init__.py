"""A manifest judged without one being written by hand: `NAME.toml` and `NAME.cases.toml` suffice.

- `suite` is the shipped `ConnectorSuite`, and what a manifest has to keep beside it;
- `people` judges what it says of its customers;
- `provider` is the small stateful provider that is built from the two files; `cases` reads them.
"""

from sayso.testing.manifests.cases import Cases, CaseTable, PersonCase, read_cases
from sayso.testing.manifests.people import wrong_person
from sayso.testing.manifests.provider import GeneratedProvider
from sayso.testing.manifests.server import ProviderServer
from sayso.testing.manifests.suite import ManifestSuite, checks, suites_of, uncovered

__all__ = [
    "CaseTable",
    "Cases",
    "GeneratedProvider",
    "ManifestSuite",
    "PersonCase",
    "ProviderServer",
    "checks",
    "read_cases",
    "suites_of",
    "uncovered",
    "wrong_person",
]
