"""What `from sayso import …` offers, alike in every part of the package, for type checkers."""

from sayso._front import *
from sayso._front import __all__ as __all__
