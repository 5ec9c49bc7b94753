"""What `from sayso import …` offers, for type checkers: the same in each part, and in one wheel.

docs/decisions/0115-a-distribution-for-each-floor.md says why.
"""

from sayso._front import *
from sayso._front import __all__ as __all__
