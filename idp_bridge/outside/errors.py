"""Re-export how a system we do not own can fail us; never defines a failure of its own.

The classes live in `services/failures.py`: services catch them and must not import this room.
"""

from idp_bridge.services.failures import (
    CircuitOpen,
    Gone,
    Mismatch,
    NotNow,
    OutsideFailure,
    Refused,
    Unreachable,
)

__all__ = ["CircuitOpen", "Gone", "Mismatch", "NotNow", "OutsideFailure", "Refused", "Unreachable"]
