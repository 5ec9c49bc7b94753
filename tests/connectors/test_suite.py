"""Our own connectors, judged by the suite that ships for everybody's."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import pytest
from connectors.benches import example_bench, file_bench, smtp_bench, stripe_bench

from sayso.testing.suites.connector import ConnectorBench, ConnectorSuite


@pytest.mark.promise("connectors:suite")
class TestStripe(ConnectorSuite):
    """Stripe, on the sandbox."""

    def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
        """See `ConnectorSuite.bench`."""
        return stripe_bench()


@pytest.mark.promise("connectors:suite")
class TestEmailFiles(ConnectorSuite):
    """E-mail into a folder."""

    def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
        """See `ConnectorSuite.bench`."""
        return file_bench()


@pytest.mark.promise("connectors:suite")
class TestEmailSmtp(ConnectorSuite):
    """E-mail over SMTP."""

    def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
        """See `ConnectorSuite.bench`."""
        return smtp_bench()


@pytest.mark.promise("connectors:suite")
class TestExample(ConnectorSuite):
    """examples/own_action.py."""

    def bench(self) -> AbstractAsyncContextManager[ConnectorBench]:
        """See `ConnectorSuite.bench`."""
        return example_bench()
