"""How models are used, and by whom: what the terms of a licence are held against."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Figure = Annotated[float, msgspec.Meta(ge=0, le=1e14)]


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[use]` of a policy; a need of `pick` says the same in `[rules]`."""

    commercial: bool = True
    internal: bool = False
    """Only inside your own organisation: conditions on products and on hosting do not apply."""
    monthly_users: Figure | None = None
    """Of your product. None is unknown, and a licence that ends above a number is then refused."""
    annual_revenue_usd: Figure | None = None
    hosting_for_others: bool = False
    """You sell access to the model itself."""
    training_on_outputs: bool = False
    based_in: str | None = None
    """Country of your own seat: some licences hold nothing for some."""
    conditions: Literal["accept", "refuse"] = "accept"
    """Of a licence that permits the use and asks something for it, beyond keeping a notice."""
