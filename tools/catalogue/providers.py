# SPDX-License-Identifier: Apache-2.0
"""providers - whom data/models.json knows, and what each is called in the two sources.

One row a provider: our id (the name of the preset in src/conf/presets.def where there is one), its id
in genai-prices, its id in models.dev, the ends of its host names, other names it goes by, and whose
models it serves besides at their prices.
"""
import collections

Provider = collections.namedtuple("Provider", "id prices limits hosts also like", defaults=((), ()))

PROVIDERS = [
    Provider("ai21", None, "ai21", ["api.ai21.com"]),
    Provider("anthropic", "anthropic", "anthropic", ["api.anthropic.com"]),
    Provider("arcee", "arcee", "arcee", ["api.arcee.ai"]),
    Provider("azure", "azure", "azure",
             [".openai.azure.com", ".azure-api.net", ".cognitiveservices.azure.com",
              ".services.ai.azure.com"],
             ["azure-openai", "azure-responses"],
             ["openai", "anthropic", "deepseek", "xai", "moonshot", "mistral", "cohere"]),
    Provider("baseten", "baseten", "baseten", [".baseten.co"]),
    Provider("bedrock", "aws", "amazon-bedrock", [".amazonaws.com"], ["aws", "amazon-bedrock"]),
    Provider("cerebras", "cerebras", "cerebras", ["api.cerebras.ai"]),
    Provider("cloudflare", "cloudflare", "cloudflare-workers-ai", ["api.cloudflare.com"],
             ["workers-ai"]),
    Provider("cohere", "cohere", "cohere", ["api.cohere.com", "api.cohere.ai"]),
    Provider("dashscope", None, "alibaba-cn", ["dashscope.aliyuncs.com"], ["alibaba-cn", "qwen"]),
    Provider("dashscope-intl", None, "alibaba",
             ["dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"], ["alibaba"]),
    Provider("deepinfra", None, "deepinfra", ["api.deepinfra.com"]),
    Provider("deepseek", "deepseek", "deepseek", ["api.deepseek.com"]),
    Provider("digitalocean", None, "digitalocean", ["inference.do-ai.run"]),
    Provider("doubleword", "doubleword", None, ["api.doubleword.ai"]),
    Provider("fireworks", "fireworks", "fireworks-ai", ["api.fireworks.ai"], ["fireworks-ai"]),
    Provider("friendli", None, "friendli", ["api.friendli.ai"]),
    Provider("gemini", "google", "google", ["generativelanguage.googleapis.com"],
             ["google", "google-ai-studio"]),
    Provider("github-copilot", "github-copilot", "github-copilot", ["api.githubcopilot.com"],
             ["copilot"]),
    Provider("groq", "groq", "groq", ["api.groq.com"]),
    Provider("huggingface", None, "huggingface", ["router.huggingface.co"], ["hf"]),
    Provider("inception", None, "inception", ["api.inceptionlabs.ai"]),
    Provider("llama", None, "llama", ["api.llama.com"], ["meta"]),
    Provider("minimax", "minimax", "minimax",
             ["api.minimax.io", "api.minimaxi.com", "api.minimax.cn"], ["minimax-cn"]),
    Provider("mistral", "mistral", "mistral", ["api.mistral.ai"]),
    Provider("moonshot", "moonshotai", "moonshotai", ["api.moonshot.ai", "api.moonshot.cn"],
             ["moonshot-cn", "moonshotai", "kimi"]),
    Provider("nebius", "huggingface_nebius", "nebius", [".nebius.com", ".nebius.ai"]),
    Provider("novita", "novita", "novita-ai", ["api.novita.ai"]),
    Provider("nvidia", None, "nvidia", ["integrate.api.nvidia.com"]),
    Provider("ollama-cloud", None, "ollama-cloud", ["ollama.com"]),
    Provider("openai", "openai", "openai", ["api.openai.com"], ["chatgpt"]),
    Provider("openrouter", "openrouter", "openrouter", ["openrouter.ai"]),
    Provider("ovhcloud", "ovhcloud", "ovhcloud", [".cloud.ovh.net"]),
    Provider("perplexity", "perplexity", "perplexity", ["api.perplexity.ai"]),
    Provider("sambanova", "huggingface_sambanova", None, ["api.sambanova.ai"]),
    Provider("scaleway", None, "scaleway", ["api.scaleway.ai"]),
    Provider("siliconflow", None, "siliconflow-cn", ["api.siliconflow.cn"], ["siliconflow-cn"]),
    Provider("siliconflow-intl", None, "siliconflow", ["api.siliconflow.com"]),
    Provider("stepfun", None, "stepfun", ["api.stepfun.com", "api.stepfun.ai"]),
    Provider("tencent", None, "tencent-tokenhub", ["tokenhub.tencentmaas.com"]),
    Provider("together", "together", "togetherai", ["api.together.xyz", "api.together.ai"],
             ["together-ai", "togetherai"]),
    Provider("upstage", None, "upstage", ["api.upstage.ai"]),
    Provider("vercel", None, "vercel", ["ai-gateway.vercel.sh"]),
    Provider("vertex", None, "google-vertex", ["aiplatform.googleapis.com"],
             ["google-vertex", "vertex-anthropic", "vertex-gemini"], ["gemini", "anthropic"]),
    Provider("volcengine", None, "volcengine", [".volces.com"], ["doubao", "ark"]),
    Provider("voyage", "voyageai", None, ["api.voyageai.com"], ["voyageai"]),
    Provider("wandb", None, "wandb", ["api.inference.wandb.ai"]),
    Provider("xai", "x-ai", "xai", ["api.x.ai"], ["x-ai", "grok"]),
    Provider("xiaomi", None, "xiaomi", ["api.xiaomimimo.com"]),
    Provider("zai", "zai", "zai", ["api.z.ai"], ["z-ai"], ["zhipu"]),
    Provider("zhipu", "zhipuai", "zhipuai", ["open.bigmodel.cn"], ["zhipuai", "bigmodel"], ["zai"]),
]

# Where limits of a model that is served elsewhere are looked up when its server's row has none: a
# part of the name, and its maker.
MAKERS = [("claude", "anthropic"), ("gpt", "openai"), ("o1", "openai"), ("o3", "openai"),
          ("o4", "openai"), ("gemini", "gemini"), ("grok", "xai"), ("deepseek", "deepseek"),
          ("mistral", "mistral"), ("kimi", "moonshot"), ("glm", "zhipu"), ("minimax", "minimax"),
          ("command", "cohere"), ("qwen", "dashscope-intl")]

# The answers of these say what they cost, in US dollars.
TELLING = {"openrouter", "perplexity", "xai"}

# What these say of a model's limits is true wherever the model runs.
FIRST_HAND = {"anthropic", "cohere", "dashscope-intl", "deepseek", "gemini", "minimax", "mistral",
              "moonshot", "openai", "perplexity", "xai", "zhipu"}
