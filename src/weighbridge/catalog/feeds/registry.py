"""The feeds that are known."""

from __future__ import annotations

from weighbridge.catalog.facts import Source
from weighbridge.catalog.feeds.epoch import read_epoch
from weighbridge.catalog.feeds.feed import Feed, whole_list
from weighbridge.catalog.feeds.huggingface import huggingface_asks
from weighbridge.catalog.feeds.litellm import read_litellm
from weighbridge.catalog.feeds.models_dev import read_models_dev
from weighbridge.catalog.feeds.modelscope import modelscope_asks
from weighbridge.catalog.feeds.ollama import ollama_asks
from weighbridge.catalog.feeds.openrouter import read_openrouter
from weighbridge.errors import UsageError
from weighbridge.formats.problems import did_you_mean
from weighbridge.units import MIB

MOST_BYTES = 16 * MIB
"""Of a list; the largest real one, LiteLLM's, has 3 MiB. As objects in memory it may be twenty times that."""
_ALL = (
    Feed(
        "models.dev",
        Source(
            "models-dev-live",
            "models.dev, an open database of models and prices, fetched live",
            "independent",
            url="https://models.dev",
            licence="MIT",
            attribution="models.dev contributors (https://github.com/anomalyco/models.dev), MIT",
        ),
        "https://models.dev",
        "offers of all providers",
        whole_list("/api.json", read_models_dev, MOST_BYTES),
        stands_for=("models-dev",),
    ),
    Feed(
        "litellm",
        Source(
            "litellm-live",
            "LiteLLM's map of model prices, fetched live",
            "independent",
            url="https://github.com/BerriAI/litellm",
            licence="MIT",
            attribution="BerriAI and LiteLLM contributors (https://github.com/BerriAI/litellm), MIT",
        ),
        "https://raw.githubusercontent.com/BerriAI/litellm/main",
        "offers of all providers",
        whole_list("/model_prices_and_context_window.json", read_litellm, MOST_BYTES),
    ),
    Feed(
        "openrouter",
        Source(
            "openrouter-live",
            "OpenRouter's list of models, fetched live",
            "primary",
            url="https://openrouter.ai/api/v1/models",
        ),
        "https://openrouter.ai",
        "offers of OpenRouter",
        whole_list("/api/v1/models", read_openrouter, MOST_BYTES),
    ),
    Feed(
        "huggingface",
        Source(
            "huggingface-live",
            "Hugging Face Hub: model cards, files and counts, fetched live",
            "independent",
            url="https://huggingface.co/docs/hub/api",
        ),
        "https://huggingface.co",
        "parameters, licences, configs, downloads",
        huggingface_asks,
        takes_names=True,
        stands_for=("hf-api",),
    ),
    Feed(
        "epoch",
        Source(
            "epoch-models-live",
            "Epoch AI, Data on AI models, fetched live",
            "independent",
            url="https://epoch.ai/data/ai-models",
            licence="CC-BY-4.0",
            attribution="Epoch AI, 'Data on AI Models', CC BY 4.0",
        ),
        "https://epoch.ai",
        "parameters, compute and cost of training",
        whole_list("/data/ai_models.zip", read_epoch, MOST_BYTES),
        stands_for=("epoch-models",),
    ),
    Feed(
        "ollama",
        Source(
            "ollama-live",
            "Ollama's registry of models, fetched live",
            "independent",
            url="https://ollama.com/library",
        ),
        "https://registry.ollama.ai",
        "quantisations and their sizes",
        ollama_asks,
        takes_names=True,
    ),
    Feed(
        "modelscope",
        Source(
            "modelscope-live",
            "ModelScope hub: licences and downloads, fetched live",
            "independent",
            url="https://modelscope.cn",
        ),
        "https://modelscope.cn",
        "licences, downloads",
        modelscope_asks,
        takes_names=True,
    ),
)
FEEDS: dict[str, Feed] = {feed.name: feed for feed in _ALL}


def find_feed(name: str) -> Feed:
    """A feed by its name. Raises UsageError for one that is not known."""
    feed = FEEDS.get(name.casefold())
    if feed is None:
        raise UsageError(f"there is no feed {name!r}", next_move=did_you_mean(name, FEEDS))
    return feed
