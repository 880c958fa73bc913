"""The pieces of work a task is made of, read one at a time from a file that may be larger than memory."""

from weighbridge.weigh.items.fields import MISSING, look_up
from weighbridge.weigh.items.items import Items
from weighbridge.weigh.items.scan import SUFFIXES, Look, open_items

__all__ = ["MISSING", "SUFFIXES", "Items", "Look", "look_up", "open_items"]
