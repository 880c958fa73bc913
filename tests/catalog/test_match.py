"""Names as people, hubs and providers write them, against what they mean; and names that must not be guessed."""

from __future__ import annotations

import pytest
from known_names import known

from weighbridge.catalog.match import Match, resolve_name
from weighbridge.errors import InputError

INDEX = known()
QWEN = "Qwen/Qwen2.5-7B-Instruct"
GLM = "zai-org/GLM-5.1"
LLAMA = "meta-llama/Llama-3.3-70B-Instruct"
KIMI = "moonshotai/Kimi-K2.6"
OPUS = "anthropic/claude-opus-4-5"
SONNET = "anthropic/claude-sonnet-4-5"
SUPER = "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16"
QWEN_235 = "Qwen/Qwen3-235B-A22B"


def ask(name: str) -> Match:
    return resolve_name(INDEX, name)


OWNERS = [
    (GLM, GLM),
    ("ZhipuAI/GLM-5.1", GLM),
    ("zhipuai/glm-5.1", GLM),
    ("z-ai/glm-5.1", GLM),
    ("zai-org-glm-5-1", GLM),
    ("zai/glm-5.1", GLM),
    ("hf:zai-org/GLM-5.1", GLM),
    ("route/glm-5.1", GLM),
    ("umans-glm-5.1", GLM),
    ("TEE/glm-5.1", GLM),
    ("@cf/zai-org/glm-5.1", GLM),
    ("workers-ai/@cf/zai-org/glm-5.1", GLM),
    ("accounts/fireworks/models/glm-5p1", GLM),
    ("Z.AI: GLM 5.1", GLM),
    ("databricks-gpt-5-mini", "openai/gpt-5-mini"),
    ("databricks-meta-llama-3-3-70b-instruct", LLAMA),
    ("snowflake-llama3.3-70b", None),
    ("openai:gpt-4o", "openai/gpt-4o"),
    ("openrouter/openai/gpt-4o", "openai/gpt-4o"),
    ("anthropic--claude-4.5-opus", OPUS),
    ("models/gemini-2.5-pro", "google/gemini-2.5-pro"),
    ("projects/p/locations/us/publishers/google/models/gemini-2.5-pro", "google/gemini-2.5-pro"),
    ("xiaoming/Qwen2.5-7B-Instruct", QWEN),
    ("qwen/qwenLM/models/Qwen3-8B", "Qwen/Qwen3-8B"),
    ("moonshotai/chat-completion/models/Kimi-K2_6", KIMI),
    ("Pro/deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-V3"),
]
CLOUDS = [
    ("us.meta.llama3-3-70b-instruct-v1:0", LLAMA),
    ("meta.llama3-3-70b-instruct-v1:0:128k", LLAMA),
    ("us.meta.llama4-maverick-17b-instruct-v1:0", "meta-llama/Llama-4-Maverick-17B-128E-Instruct"),
    ("mistral.mistral-7b-instruct-v0:2", "mistralai/Mistral-7B-Instruct-v0.2"),
    ("us.deepseek.r1-v1:0", "deepseek-ai/DeepSeek-R1"),
    ("deepseek.v3-v1:0", "deepseek-ai/DeepSeek-V3.1"),
    ("us.deepseek.v3-v1:0", "deepseek-ai/DeepSeek-V3.1"),
    ("bedrock/us-west-2/deepseek.v3-v1:0", "deepseek-ai/DeepSeek-V3.1"),
    ("global.anthropic.claude-opus-4-5-20251101-v1:0", OPUS),
    ("anthropic.claude-opus-4-5-v1", OPUS),
    ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-5-20251101-v1:0", OPUS),
    ("nvidia.nemotron-nano-9b-v2", "nvidia/nemotron-nano-9b-v2"),
    ("openai.gpt-oss-120b-1:0", "openai/gpt-oss-120b"),
    ("claude-opus-4@20250514", "anthropic/claude-opus-4"),
    ("claude-opus-4-5@default", OPUS),
    ("publishers/anthropic/models/claude-opus-4-5@20251101", OPUS),
    ("meta/llama-3.3-70b-instruct-maas", LLAMA),
    ("azureml://registries/azureml-meta/models/Llama-3.3-70B-Instruct/versions/4", LLAMA),
    ("gpt-35-turbo", "openai/gpt-3.5-turbo"),
]
ADDRESSES = [
    ("https://huggingface.co/Qwen/Qwen2.5-7B-Instruct", QWEN),
    ("https://huggingface.co/Qwen/Qwen2.5-7B-Instruct/tree/main?show=files#top", QWEN),
    ("https://modelscope.cn/models/ZhipuAI/GLM-5.1/summary", GLM),
    ("https://openrouter.ai/z-ai/glm-5.1", GLM),
    ("hf.co/bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M", QWEN),
    ("models--Qwen--Qwen2.5-7B-Instruct", QWEN),
]
FILES = [
    ("Qwen2.5-7B-Instruct-Q4_K_M.gguf", QWEN),
    ("qwen2.5-7b-instruct.Q8_0.gguf", QWEN),
    ("Qwen_Qwen2.5-7B-Instruct-IQ4_XS.gguf", QWEN),
    ("Qwen2.5-7B-Instruct-UD-Q4_K_XL.gguf", QWEN),
    ("qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf", QWEN),
    ("/models/llm/Qwen2.5-7B-Instruct-f16.gguf", QWEN),
    ("Kimi-K2-Thinking-Q4_X-00001-of-00014.gguf", "moonshotai/Kimi-K2-Thinking"),
    ("DeepSeek-V3.1-UD-TQ1_0.gguf", "deepseek-ai/DeepSeek-V3.1"),
    ("C:\\models\\Qwen2.5-7B-Instruct-Q4_K_M.gguf", QWEN),
    ("Qwen2.5-7B-Instruct-AWQ/model-00001-of-00002.safetensors", QWEN),
    ("https://hf.co/x/Qwen2.5-7B-Instruct-GGUF/resolve/main/Qwen2.5-7B-Instruct-Q4_K_M.gguf?download=true", QWEN),
    ("mmproj-gemma-3-27b-it-f16.gguf", None),
    ("ggml-model-q4_0.gguf", None),
]
QUANTISED = [
    ("Qwen/Qwen2.5-7B-Instruct-AWQ", QWEN),
    ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", QWEN),
    ("mlx-community/Qwen2.5-7B-Instruct-4bit", QWEN),
    ("Qwen2.5-7B-Instruct-MLX-4bit", QWEN),
    ("unsloth/Qwen2.5-7B-Instruct-bnb-4bit", QWEN),
    ("RedHatAI/Qwen2.5-7B-Instruct-quantized.w8a8", QWEN),
    ("cortecs/Llama-3.3-70B-Instruct-FP8-Dynamic", LLAMA),
    ("nvidia/Llama-3.3-70B-Instruct-NVFP4", LLAMA),
    ("zai-org/GLM-5.1-FP8", GLM),
    ("zai-org/GLM-5.1-TEE", GLM),
    ("route/glm-5.1-6bit", GLM),
    ("nemotron-3-super-120b-a12b", SUPER),
    ("hf:nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4", SUPER),
    ("meta-llama/Llama-2-70b-chat", "meta-llama/Llama-2-70b-chat-hf"),
    ("@cf/meta/llama-3.3-70b-instruct-fp8-fast", LLAMA),
    ("turboderp/Qwen2.5-7B-Instruct-exl2-4.0bpw", QWEN),
]
OLLAMA = [
    ("qwen2.5:7b-instruct-q4_K_M", QWEN),
    ("qwen2.5:7b", QWEN),
    ("ollama/qwen2.5:7b", QWEN),
    ("qwen2.5:7b-base", "Qwen/Qwen2.5-7B"),
    ("llama3.1:8b", "meta-llama/Llama-3.1-8B-Instruct"),
    ("llama3.1:8b-text-q4_0", "meta-llama/Llama-3.1-8B"),
    ("gemma3:27b", "google/gemma-3-27b-it"),
    ("gemma3:27b-it-qat", "google/gemma-3-27b-it"),
    ("gpt-oss:120b-cloud", "openai/gpt-oss-120b"),
    ("deepseek-r1:671b", None),
    ("deepseek-v3.2:685b", "deepseek-ai/DeepSeek-V3.2"),
    ("kimi-k2:1t-cloud", None),
    ("deepseek-r1:70b", None),
    ("deepseek-r1:32b", None),
    ("mistral:7b", None),
    ("mixtral:8x7b", None),
    ("qwen2.5", None),
    ("qwen2.5:latest", None),
]
SPELLINGS = [
    ("glm51", GLM),
    ("GLM 5.1", GLM),
    ("glm_5_1", GLM),
    ("GLM‑5.1", GLM),
    ("ＧＬＭ－５．１", GLM),
    ("qwen-2.5-7b-instruct", QWEN),
    ("qwen2p5-7b-instruct", QWEN),
    ("qwen25-7b-instruct", QWEN),
    ("Qwen 2.5 7B Instruct", QWEN),
    ("llama-v3p3-70b-instruct", LLAMA),
    ("Llama-3_3-70B-Instruct", LLAMA),
    ("llama-3-70b-instruct", "meta-llama/Meta-Llama-3-70B-Instruct"),
    ("claude-opus-4.5", OPUS),
    ("Claude 4.5 Opus", OPUS),
    ("claude-45-opus", None),
    ("openai-gpt-52-codex", "openai/gpt-5.2-codex"),
    ("gpt-5-2-codex", "openai/gpt-5.2-codex"),
    ("minimax-m25", "MiniMaxAI/MiniMax-M2.5"),
    ("DeepSeekV3", "deepseek-ai/DeepSeek-V3"),
    ("deepseek-3.2", "deepseek-ai/DeepSeek-V3.2"),
    ("qwen3-1-7b", "Qwen/Qwen3-1.7B"),
    ("Command A+", "CohereLabs/command-a-plus-05-2026"),
    ("command-a-plus", "CohereLabs/command-a-plus-05-2026"),
    ("gemma-3-27b-instruct", "google/gemma-3-27b-it"),
    ("qwen3-30b", "Qwen/Qwen3-30B-A3B"),
    ("qwen3-235b", None),
    ("nvidia.nemotron-super-3-120b", SUPER),
]
SETTINGS = [
    ("gpt-5-high", "openai/gpt-5"),
    ("gpt-5 (high)", "openai/gpt-5"),
    ("gpt-5-mini-minimal", "openai/gpt-5-mini"),
    ("gpt-oss-120b_high", "openai/gpt-oss-120b"),
    ("gpt-oss-120b-low-effort", "openai/gpt-oss-120b"),
    ("o3-mini-high", "openai/o3-mini"),
    ("claude-opus-4-5-thinking", OPUS),
    ("claude-opus-4-5-thinking-64k", OPUS),
    ("claude-opus-4-5-20251101_32K", OPUS),
    ("claude-opus-4-5 (32k thinking)", OPUS),
    ("claude-opus-4-5:thinking", OPUS),
    ("Claude Opus 4.5 (max)", OPUS),
    ("Claude Opus 4.5 (Reasoning, max effort)", OPUS),
    ("claude-opus-4-5[1m]", OPUS),
    ("claude-sonnet-4-5-thinking", SONNET),
    ("claude-sonnet-4-5-nothinking", SONNET),
    ("gemini-2.5-flash-nothink", "google/gemini-2.5-flash"),
    ("glm-4.5 (Non-reasoning)", "zai-org/GLM-4.5"),
    ("kimi-k2.6:free", KIMI),
    ("openrouter/moonshotai/kimi-k2.6:nitro", KIMI),
    ("kimi-k2.6-fast", KIMI),
    ("moonshotai/Kimi-K2.6-highspeed", KIMI),
    ("Qwen/Qwen3-Coder-480B-A35B-Instruct-Turbo", "Qwen/Qwen3-Coder-480B-A35B-Instruct"),
    ("kimi-k2-thinking", "moonshotai/Kimi-K2-Thinking"),
    ("qwen3-max", "alibaba/qwen3-max"),
]
DATES = [
    ("gpt-5-2025-08-07", "openai/gpt-5"),
    ("gpt-5-mini-2025-08-07-high", "openai/gpt-5-mini"),
    ("gpt-4o-2024-11-20", "openai/gpt-4o-2024-11-20"),
    ("gpt-4o-2024-08-06", None),
    ("gpt-4-0613", None),
    ("gpt-4o (Aug 2024)", None),
    ("gpt-4o (May 2024)", "openai/gpt-4o"),
    ("DeepSeek V3 (0324)", "deepseek-ai/DeepSeek-V3-0324"),
    ("deepseek-v3-1226", "deepseek-ai/DeepSeek-V3"),
    ("kimi-k2-instruct-0711", "moonshotai/Kimi-K2-Instruct"),
    ("kimi-k2-instruct-0905", "moonshotai/Kimi-K2-Instruct-0905"),
    ("command-a-03-2025", "CohereLabs/c4ai-command-a-03-2025"),
    ("claude-3-5-haiku@20241022", "anthropic/claude-3-5-haiku-20241022"),
    ("claude-opus-4-5-20260101", None),
]
OTHERS = [
    ("Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-7B"),
    ("qwen2.5-7b", None),
    ("qwen/qwen2.5-7b", "Qwen/Qwen2.5-7B"),
    ("Qwen/Qwen2.5-7B-AWQ", "Qwen/Qwen2.5-7B"),
    ("Qwen2.5-7B-base", None),
    ("meta/llama-3.1-8b", None),
    ("Llama 3.1 8B", None),
    ("DeepSeek-V3-Base-GGUF", "deepseek-ai/DeepSeek-V3-Base"),
    ("qwen2.5-14b-instruct", None),
    ("qwen2.5-vl-7b-instruct", "Qwen/Qwen2.5-VL-7B-Instruct"),
    ("qwen2.5-coder-7b-instruct", "Qwen/Qwen2.5-Coder-7B-Instruct"),
    ("qwen2.5-math-7b", None),
    ("Qwen2.5-7B-Instruct-1M", None),
    ("Qwen3.1-7B", None),
    ("Qwen3.8B", None),
    ("qwen3-18b", None),
    ("qwen3-235b-a22b-2507", None),
    ("qwen3-235b-a22b-thinking", None),
    ("glm-4.5-airx", None),
    ("glm-45v", "zai-org/GLM-4.5V"),
    ("glm-5-turbo", None),
    ("glm-5.2", None),
    ("grok-4-fast", None),
    ("grok-4-fast-reasoning", None),
    ("gpt-5.1-codex-max", None),
    ("gpt-4-turbo", None),
    ("gpt-5-nano", None),
    ("gpt-51", None),
    ("phi-4-reasoning", None),
    ("phi-4-mini", None),
    ("llama-3.1-8b-instant", None),
    ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
    ("llama-3.1-8b:free", None),
    ("llama-3.3-70b-instruct-abliterated", None),
    ("nvidia/Llama-3.3-Nemotron-70B-Instruct", None),
    ("deepseek-r1-distill-qwen-32b", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"),
    ("deepseek-r1-distill-qwen-14b", None),
    ("kimi-k2", None),
    ("Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
    ("Qwen3-235B-A22B-Instruct", "Qwen/Qwen3-235B-A22B-Instruct-2507"),
    ("qwen3-8b-32k", "Qwen/Qwen3-8B"),
    ("qwen3-8b-200k", None),
    ("gpt-4-32k", None),
    ("moonshotai/kimi-k2-thinking-0905", None),
    ("claude-opus", None),
    ("mistral-large", None),
    ("mistral-large-2407", "mistralai/Mistral-Large-Instruct-2407"),
    ("claude-opus-4-5-latest", None),
    ("ft:gpt-4o:acme::abc123", None),
    ("google-claude-opus-4-5", None),
    ("QwQ-32B + Qwen2.5-7B-Instruct", None),
    ("olmo-2-0325-32b-instruct", "allenai/OLMo-2-0325-32B-Instruct"),
    ("instruct", None),
    ("7b", None),
    ("gpt", None),
    ("auto", None),
    ("???", None),
    ("/", None),
    ("zzz-unheard-of", None),
]
ALL = OWNERS + CLOUDS + ADDRESSES + FILES + QUANTISED + OLLAMA + SPELLINGS + SETTINGS + DATES + OTHERS


@pytest.mark.parametrize(("name", "model"), ALL, ids=[name for name, _ in ALL])
def test_a_name_means_this_model_and_no_other(name: str, model: str | None) -> None:
    assert ask(name).id == model


def test_the_answer_says_which_step_matched_and_what_was_set_aside() -> None:
    assert ask(GLM).how == "exact id"
    assert ask("ZAI-ORG/glm-5.1").how == "exact id, in another case"
    assert ask("ZhipuAI/GLM-5.1").how == "listed name"
    assert ask("glm-5p1").how == "normalised"
    assert ask("gpt-52-codex").how == "normalised, a version without its dot"
    assert ask("qwen3-30b").how == "normalised, without its active size"
    assert ask("Mistral-Large-Instruct-2407").how == "exact name of its repository"
    assert ask("gpt-5-2025-08-07_high").how == "normalised; set aside: date 2025-08-07, setting high"
    assert ask("Qwen2.5-7B-Instruct-GPTQ-Int4").how == "normalised; set aside: quantisation GPTQ, quantisation Int4"


@pytest.mark.parametrize("name", ["deepseek-chat", "deepseek/deepseek-chat", "DeepSeek-Chat:free"])
def test_a_moving_name_says_since_when_it_means_what_it_means(name: str) -> None:
    found = ask(name)

    assert found.id == "deepseek-ai/DeepSeek-V3.2"
    assert "since 2025-12-01" in found.how
    assert found.alternatives == ("deepseek-ai/DeepSeek-V3-0324", "deepseek-ai/DeepSeek-V3")


def test_a_latest_that_newer_models_overtook_is_not_known_any_more() -> None:
    """It meant Large 2 when it was last looked at; Large 3 came out after that day."""
    found = ask("mistral/mistral-large-latest")

    assert found.id is None
    assert "since 2024-07-24" in found.how
    assert found.alternatives == (
        "mistralai/Mistral-Large-3-675B-Instruct-2512",
        "mistralai/Mistral-Large-Instruct-2407",
    )


def test_a_longer_name_is_never_cut_down_to_a_shorter_one() -> None:
    """A distillation is not the model that taught it, nor a later release the first."""
    assert ask("@cf/deepseek-ai/deepseek-r1-distill-qwen-32b").id == "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"
    assert ask("deepseek-r1-distill-qwen-99b").id is None
    assert ask("Qwen3-235B-A22B-Instruct-2507").id == "Qwen/Qwen3-235B-A22B-Instruct-2507"


def test_a_moving_name_that_ended_means_nothing_today() -> None:
    found = ask("mistral-tiny")

    assert found.id is None
    assert "2024-11-01" in found.how
    assert found.alternatives == ("mistralai/Mistral-7B-Instruct-v0.2",)


def test_a_name_that_says_too_little_lists_what_it_may_mean() -> None:
    found = ask("kimi-k2")

    assert found.how.startswith("ambiguous: 3 models")
    assert set(found.alternatives) == {
        "moonshotai/Kimi-K2-Instruct",
        "moonshotai/Kimi-K2-Instruct-0905",
        "moonshotai/Kimi-K2-Thinking",
    }


def test_two_models_of_one_name_are_told_apart_by_their_owner_or_not_at_all() -> None:
    from weighbridge.catalog.model_names.entries import Entry
    from weighbridge.catalog.model_names.index import build

    index = build([Entry("acme/orca-7b", lab="acme"), Entry("bolt/orca-7b", lab="bolt")])

    assert resolve_name(index, "Bolt/Orca_7B").id == "bolt/orca-7b"
    both = resolve_name(index, "orca-7b")
    assert (both.id, both.alternatives) == (None, ("acme/orca-7b", "bolt/orca-7b"))


def test_a_dash_that_can_be_either_dot_is_ambiguous() -> None:
    from weighbridge.catalog.model_names.entries import Entry
    from weighbridge.catalog.model_names.index import build

    index = build([Entry("acme/Owl3-1.7B"), Entry("acme/Owl3.1-7B")])

    assert resolve_name(index, "owl3-1-7b").alternatives == ("acme/Owl3-1.7B", "acme/Owl3.1-7B")
    assert resolve_name(index, "owl3.1-7b").id == "acme/Owl3.1-7B"


def test_a_word_that_may_be_a_model_of_its_own_is_refused_with_the_reason() -> None:
    found = ask("grok-4-fast")

    assert found.how == "unknown: fast may be a model of its own"
    assert found.alternatives == ("xai/grok-4",)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("", "an empty name"),
        ("  \u00a0 ", "an empty name"),
        ("glm\x075.1", r"character 4 .* U\+0007"),
        ("glm\n5.1", r"U\+000A"),
        ("glm\u200b-5.1", r"U\+200B"),
        ("\u202eglm-5.1", r"character 1 .* U\+202E"),
        ("glm\ud800", r"U\+D800"),
        ("x" * 501, "501 characters"),
    ],
)
def test_what_cannot_be_a_name_is_an_error_that_shows_it(name: str, what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        ask(name)

    assert caught.value.next_move


def test_what_is_no_text_is_an_error_too() -> None:
    with pytest.raises(InputError, match="not None"):
        resolve_name(INDEX, None)  # type: ignore[arg-type]
