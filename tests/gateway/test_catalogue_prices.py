"""A hosted API's price comes from the catalogue where the config names none, and stays unknown where there is none."""

from __future__ import annotations

from pathlib import Path

from weighbridge.catalog import load_offers
from weighbridge.cli.compose_serve import make_parts
from weighbridge.gateway.config import read_config
from weighbridge.settings import read_settings

CONFIG = """
[[backend]]
name = "seek"
kind = "openai"
base_url = "https://api.deepseek.com/v1"
api_key = "env:KEY"
[[backend]]
name = "own"
kind = "openai"
base_url = "http://127.0.0.1:8000/v1"
[[route]]
model = "cheap"
to = [{ backend = "seek", model = "deepseek-chat" }]
[[route]]
model = "mine"
to = [{ backend = "seek", model = "deepseek-chat", price = { input = 7.0, output = 8.0 } }]
[[route]]
model = "odd"
to = [{ backend = "seek", model = "no-such-model" }]
[[route]]
model = "here"
to = [{ backend = "own", model = "deepseek-chat" }]
"""


def test_the_offer_behind_the_address_is_the_price(tmp_path: Path) -> None:
    config = read_config(CONFIG.encode(), tmp_path / "weighbridge.toml")
    parts = make_parts(config, read_settings({"HOME": str(tmp_path), "KEY": "sk-x-0123456789"}))
    offer = next(each for each in load_offers() if (each.provider, each.model_id) == ("deepseek", "deepseek-chat"))

    prices = {name: route.aims[0].price for name, route in parts.routes.items()}

    assert prices["cheap"] is not None
    assert (prices["cheap"].input, prices["cheap"].output) == (offer.input, offer.output)
    assert prices["cheap"].cached == offer.cached
    assert prices["mine"] is not None
    assert prices["mine"].input == 7.0
    assert prices["odd"] is prices["here"] is None
    assert not parts.routes["cheap"].is_unpriced(10)
    assert parts.routes["here"].is_unpriced(10)
