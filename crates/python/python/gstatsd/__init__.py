"""A StatsD service and client.

The client is ``gstatsd.client``, the service the command ``gstatsd``.
"""

from gstatsd._native import __version__

__all__ = ["__version__"]
