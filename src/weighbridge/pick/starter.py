"""The need that `weighbridge pick --init` writes."""

from __future__ import annotations

STARTER = """\
# What a model is needed for, for `weighbridge pick THIS-FILE`. Only [work] and [volume] must be there.
name = "Answers for support"

# What is to be done.
[work]
kind = "chat"               # chat, coding, agents, maths, reasoning, knowledge, or all
# mix = { coding = 0.7, agents = 0.3 }    # instead of `kind`: several, and how much each counts
languages = ["en", "de"]    # it was released for all of these; leave it out where that does not matter
# tools = true              # it calls tools
# takes = ["image"]         # beside text: image, audio, video, pdf
context = 16_000            # tokens of the longest request, answer included
# reasoning = true          # it must be able to think first; false: it must be able not to

# How much of it.
[volume]
requests = "20000/day"      # or 3/s, 1.5M/month
in = 1200                   # tokens of an average request
out = 300                   # tokens of an average answer, thoughts included
# cached = "60%"            # of the input: the same beginning as an earlier request
# peak = 3                  # the busiest hour over the average one

# What is allowed. A fact that nobody states never passes a rule that asks for it.
[rules]
use = "commercial"          # what the licence must allow: commercial, internal or research
# conditions = "refuse"     # no duties (names to show, use policies) beyond keeping a notice
monthly_users = 50_000      # of your product: some licences end above a number
# annual_revenue_usd = 5e6
# hosts_for_others = true   # you sell access to the model itself
# trains_on_outputs = true  # what it writes is to train other models
# based_in = "DE"           # your seat: some licences hold nothing for some
# open_weights = true       # only models whose weights can be had
# origin = ["US", "FR"]     # where the lab may sit; or not_origin
# data_in = ["EU"]          # where a provider may process requests
# seat_in = ["EU"]          # under whose law a provider may be
# known_providers = true    # none whose seat nobody states: a reseller may be cheap for a reason
# no_training_on_inputs = true
# providers = ["mistral", "nebius"]
# policy = "policy.toml"    # holds too: `weighbridge policy init` writes one
# data = "personal"         # class of the data, as the policy names it

# On what.
[serve]
how = "either"              # own, api or either
# on = ["RTX 4090", "H100-SXM x2"]        # own device sets that come into question
# engine = "vllm"           # vllm, sglang, llamacpp, ollama, tensorrt-llm
# memory = "60%"            # of a device, what the model may take
# usd_hour = 2.50           # rent of one device; or: buy = 30000, years = 3, watts = 700, kwh = 0.15
# usd_month = 5000          # most that it may cost

# [speed]                   # of one answer while others are written; own hardware only: of providers it is not known
# ttft_s = 2                # longest wait for the first token
# tokens_per_s = 20         # slowest that an answer may be written
"""
