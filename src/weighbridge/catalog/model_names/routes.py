"""Who stands before a model's name without having made it: routes, hubs, gateways, re-packagers."""

ROUTES = (
    "alicloud", "aliyun", "anyscale", "ark", "azure", "azure_ai", "azureml", "bailian", "bartowski", "baseten",
    "bedrock", "cerebras", "chutes", "cloudflare", "converse", "copilot", "cortecs", "dashscope", "databricks",
    "deepinfra", "digitalocean", "featherless", "fireworks", "fireworks_ai", "friendli", "gateway", "ggml-org",
    "github", "github_copilot", "groq", "helicone", "hf", "hosted_vllm", "huggingface", "hyperbolic", "lambda",
    "litellm", "litellm_proxy", "lmstudio", "lmstudio-community", "mlx-community", "modelscope", "ms", "nebius",
    "neuralmagic", "nim", "novita", "novita-ai", "nvidia_nim", "ollama", "ollama_chat", "openrouter", "orcarouter",
    "ovhcloud", "parasail", "poe", "qianfan", "quantfactory", "redhatai", "replicate", "requesty", "route",
    "sagemaker", "sambanova", "scaleway", "sglang", "siliconflow", "thebloke", "together",
    "together_ai", "togetherai", "umans", "unsloth", "venice", "vercel", "vertex", "vertex_ai", "vertexai", "vllm",
    "volcengine", "wandb", "watsonx", "workers_ai", "zenmux",
)  # fmt: skip
"""Snowflake is not among them: `snowflake-llama-3.3-70b` is its own version of that model."""
