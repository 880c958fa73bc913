"""An index of real models to resolve against: neighbours that are easily taken for each other, on purpose."""

from __future__ import annotations

from weighbridge.catalog.model_names.entries import Entry, Meaning
from weighbridge.catalog.model_names.index import Index, build
from weighbridge.catalog.model_names.routes import ROUTES
from weighbridge.catalog.model_names.wrappers import squash

BILLION = 1e9
ENTRIES = (
    Entry("Qwen/Qwen2.5-7B-Instruct", shown="Qwen2.5-7B-Instruct", lab="alibaba", stage="instruct"),
    Entry("Qwen/Qwen2.5-7B", lab="alibaba", stage="base"),
    Entry("Qwen/Qwen2.5-72B-Instruct", lab="alibaba", stage="instruct"),
    Entry("Qwen/Qwen2.5-VL-7B-Instruct", lab="alibaba", stage="instruct"),
    Entry("Qwen/Qwen2.5-Coder-7B-Instruct", lab="alibaba", stage="instruct"),
    Entry("Qwen/Qwen2.5-Math-7B-Instruct", lab="alibaba", stage="instruct"),
    Entry("Qwen/Qwen3-8B", lab="alibaba", stage="hybrid", context_tokens=40_960),
    Entry("Qwen/Qwen3-30B-A3B", lab="alibaba", stage="hybrid"),
    Entry("Qwen/Qwen3-1.7B", lab="alibaba", stage="hybrid"),
    Entry("Qwen/Qwen3-235B-A22B", lab="alibaba", stage="hybrid", dates=("2025-04-28",)),
    Entry("Qwen/Qwen3-235B-A22B-Instruct-2507", lab="alibaba", stage="instruct", dates=("2025-07-21",)),
    Entry("Qwen/Qwen3-235B-A22B-Thinking-2507", lab="alibaba", stage="reasoning", dates=("2025-07-25",)),
    Entry("Qwen/Qwen3-Coder-480B-A35B-Instruct", lab="alibaba", stage="instruct"),
    Entry("Qwen/Qwen3.5-9B", lab="alibaba", stage="hybrid"),
    Entry("alibaba/qwen3-max", lab="alibaba", stage="instruct"),
    Entry("deepseek-ai/DeepSeek-V3", lab="deepseek", stage="instruct", dates=("2024-12-26",), parameters=(671e9,)),
    Entry("deepseek-ai/DeepSeek-V3-0324", lab="deepseek", stage="instruct", dates=("2025-03-24",)),
    Entry("deepseek-ai/DeepSeek-V3-Base", lab="deepseek", stage="base", dates=("2024-12-26",), parameters=(671e9,)),
    Entry("deepseek-ai/DeepSeek-V3.1", ("deepseek.v3-v1:0",), lab="deepseek", stage="hybrid", parameters=(671e9,)),
    Entry("deepseek-ai/DeepSeek-V3.2", lab="deepseek", stage="hybrid", parameters=(685e9,)),
    Entry("deepseek-ai/DeepSeek-R1", lab="deepseek", stage="reasoning", dates=("2025-01-20",), parameters=(671e9,)),
    Entry("deepseek-ai/DeepSeek-R1-0528", lab="deepseek", stage="reasoning", dates=("2025-05-28",)),
    Entry("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", lab="deepseek", stage="reasoning", parameters=(32.8e9,)),
    Entry("zai-org/GLM-5.1", ("ZhipuAI/GLM-5.1", "zhipuai/glm-5.1"), lab="zai", stage="hybrid"),
    Entry("zai-org/GLM-4.5", lab="zai", stage="hybrid"),
    Entry("zai-org/GLM-4.5-Air", lab="zai", stage="hybrid"),
    Entry("zai-org/GLM-4.5V", lab="zai", stage="hybrid"),
    Entry("zai-org/GLM-5", lab="zai", stage="hybrid"),
    Entry("meta-llama/Llama-3.3-70B-Instruct", lab="meta", stage="instruct", dates=("2024-12-06",)),
    Entry("meta-llama/Llama-3.1-8B-Instruct", lab="meta", stage="instruct"),
    Entry("meta-llama/Llama-3.1-8B", lab="meta", stage="base"),
    Entry("meta-llama/Meta-Llama-3-70B-Instruct", lab="meta", stage="instruct"),
    Entry("meta-llama/Llama-2-70b-chat-hf", lab="meta", stage="instruct"),
    Entry("meta-llama/Llama-4-Maverick-17B-128E-Instruct", lab="meta", stage="instruct", parameters=(400e9,)),
    Entry("mistralai/Mistral-7B-Instruct-v0.2", lab="mistral", stage="instruct"),
    Entry("mistralai/Mixtral-8x7B-Instruct-v0.1", lab="mistral", stage="instruct"),
    Entry("mistralai/Mistral-Large-Instruct-2407", ("mistral-large-2407",), "Mistral Large 2", "mistral", "instruct"),
    Entry("mistral/mistral-large-2411", lab="mistral", stage="instruct"),
    Entry("mistralai/Mistral-Large-3-675B-Instruct-2512", lab="mistral", stage="instruct", dates=("2025-12-02",)),
    Entry("moonshotai/Kimi-K2-Instruct", (), "", "moonshotai", "instruct", None, ("2025-07-11",), (1.04e12,)),
    Entry("moonshotai/Kimi-K2-Instruct-0905", lab="moonshotai", stage="instruct", dates=("2025-09-05",)),
    Entry("moonshotai/Kimi-K2-Thinking", lab="moonshotai", stage="reasoning"),
    Entry("moonshotai/Kimi-K2.6", lab="moonshotai", stage="hybrid"),
    Entry("moonshotai/Kimi-K2.7-Code", ("kimi-k2.7-code-highspeed",), lab="moonshotai", stage="hybrid"),
    Entry("MiniMaxAI/MiniMax-M2.5", lab="minimax", stage="reasoning"),
    Entry("google/gemma-3-27b-it", lab="google", stage="instruct"),
    Entry("google/gemma-4-26B-A4B-it", lab="google", stage="hybrid"),
    Entry("google/gemini-2.5-pro", lab="google", stage="reasoning", dates=("2025-06-17",)),
    Entry("google/gemini-2.5-flash", lab="google", stage="hybrid"),
    Entry("google/gemini-2.5-flash-lite", lab="google", stage="hybrid"),
    Entry("openai/gpt-oss-120b", lab="openai", stage="reasoning"),
    Entry("openai/gpt-4", lab="openai", stage="instruct", dates=("2023-03-14",)),
    Entry("openai/gpt-4.1", lab="openai", stage="instruct", dates=("2025-04-14",)),
    Entry("openai/gpt-4o", lab="openai", stage="instruct", dates=("2024-05-13",)),
    Entry("openai/gpt-4o-2024-11-20", lab="openai", stage="instruct"),
    Entry("openai/gpt-5", lab="openai", stage="hybrid", dates=("2025-08-07",)),
    Entry("openai/gpt-5-mini", lab="openai", stage="hybrid", dates=("2025-08-07",)),
    Entry("openai/gpt-5.1-codex", lab="openai", reasons=True),
    Entry("openai/gpt-5.2-codex", lab="openai", reasons=True),
    Entry("openai/gpt-3.5-turbo", lab="openai", stage="instruct"),
    Entry("openai/o3-mini", lab="openai", stage="reasoning"),
    Entry("anthropic/claude-opus-4-5", ("claude-opus-4-5-20251101",), "Claude Opus 4.5", "anthropic", "hybrid"),
    Entry("anthropic/claude-sonnet-4-5", ("claude-sonnet-4-5-20250929",), lab="anthropic", reasons=True),
    Entry("anthropic/claude-opus-4", ("claude-opus-4-20250514",), lab="anthropic", stage="hybrid"),
    Entry("anthropic/claude-3-5-haiku-20241022", lab="anthropic", stage="instruct"),
    Entry("xai/grok-4", lab="xai", stage="reasoning"),
    Entry("xai/grok-4.3", lab="xai", stage="reasoning"),
    Entry("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16", ("nemotron-3-super",), lab="nvidia", stage="hybrid"),
    Entry("nvidia/nemotron-nano-9b-v2", lab="nvidia", stage="hybrid"),
    Entry("microsoft/phi-4", lab="microsoft", stage="instruct"),
    Entry(
        "CohereLabs/c4ai-command-a-03-2025", shown="Command A", lab="cohere", stage="instruct", dates=("2025-03-13",)
    ),
    Entry("CohereLabs/command-a-plus-05-2026", shown="Command A+", lab="cohere", stage="hybrid"),
    Entry("01-ai/Yi-34B-Chat", lab="01ai", stage="instruct"),
    Entry("allenai/OLMo-2-0325-32B-Instruct", lab="ai2", stage="instruct"),
)
MEANINGS = (
    Meaning("deepseek-chat", "deepseek-ai/DeepSeek-V3", "2024-12-26", "2025-03-24"),
    Meaning("deepseek-chat", "deepseek-ai/DeepSeek-V3-0324", "2025-03-24", "2025-12-01"),
    Meaning("deepseek-chat", "deepseek-ai/DeepSeek-V3.2", "2025-12-01"),
    Meaning("mistral-large-latest", "mistralai/Mistral-Large-Instruct-2407", "2024-07-24"),
    Meaning("mistral-tiny", "mistralai/Mistral-7B-Instruct-v0.2", "2023-12-11", "2024-11-01"),
)
LABS = {
    "zai": "zai",
    "z.ai": "zai",
    "zhipuai": "zai",
    "meta": "meta",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "moonshot": "moonshotai",
    "x-ai": "xai",
}


def known() -> Index:
    owners = {squash(route): "" for route in ROUTES} | {squash(name): lab for name, lab in LABS.items()}
    return build(ENTRIES, MEANINGS, {**owners, "databricks": "databricks"}, frozenset(map(squash, ROUTES)))
