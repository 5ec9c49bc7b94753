"""Where Sayso may connect to: what is configured is checked once, what is connected to every time.

`address` judges an address as it stands in a setting; `transport` is what every client of a
configured or foreign address stands on, since a name that was fine when it was read can lead
somewhere else when it is used.
"""

from sayso.network.address import LOOPBACK, checked_url
from sayso.network.transport import Destination, guarded_transport, quieten

__all__ = ["LOOPBACK", "Destination", "checked_url", "guarded_transport", "quieten"]
