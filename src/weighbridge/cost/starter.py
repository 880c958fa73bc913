"""The workload file that `weighbridge cost --init` writes."""

from __future__ import annotations

STARTER = """\
# What is asked of a model, for `weighbridge cost MODEL --workload THIS-FILE`.

[work]
requests = "50000/day"      # or 3/s, 1.5M/month; the average of a month
in = 1200                   # tokens of a request: instructions, examples, documents and the question
out = 300                   # tokens of an answer, thoughts included
cached = "60%"              # of the input: the same beginning as an earlier request, read from a provider's cache
# reasoning = "40%"         # of the output: thoughts; some providers have a price of their own for them
# batch = "20%"             # of the requests: those that can wait a day; some providers take half off for them
# peak = 3                  # the busiest hour over the average one; own hardware is sized for it

# Hardware of your own, to hold the providers against. Leave the section out to compare providers alone.
[own]
on = "H100-SXM"             # the devices of one set that serves the model: "H100-SXM x2" for two
usd_hour = 2.50             # rent of one device; or what you pay for it:
# buy = 30000               # price of one device with its share of server, rack and network
# years = 3                 # over which that is written off
# watts = 1300              # of one device with its share of the server
# pue = 1.3                 # power of the whole site over that of its computers
# kwh = 0.15                # dollars
# utilisation = "70%"       # most of a set that the busiest hour may use; the rest is for queues and bursts
# spare = 1                 # whole sets that stand by, so that one may fail
# people = "0.2@150000"     # posts, and what one costs a year
# tps = 2400                # tokens a second that one set writes on this work; leave it out for an estimate
"""
