"""Re-export how a system we do not own can fail us; never defines a failure of its own.

The classes live in `services/failures.py`: services catch them and must not import this room.
"""

from idp_bridge.services.failures import Gone, Mismatch, OutsideFailure, Refused, Unreachable

__all__ = ["Gone", "Mismatch", "OutsideFailure", "Refused", "Unreachable"]
