"""The one door to any model: choose the backend, call, settle, record."""

from weighbridge.dispatch.budget import Budget
from weighbridge.dispatch.call import OVER_BUDGET, Call, Outcome
from weighbridge.dispatch.clock import Clock, SystemClock
from weighbridge.dispatch.door import Door

__all__ = ["OVER_BUDGET", "Budget", "Call", "Clock", "Door", "Outcome", "SystemClock"]
