"""Words that no maker's template says: rules to be broken, secrets to be told."""

from __future__ import annotations

import re

SUSPECT = re.compile(
    r"\b(?:ignore|disregard|forget|override)\s+(?:all|any|the|your|previous|prior|what|every)\b[^.\n]{0,40}"
    r"\b(?:instructions?|rules?|prompts?|says?|polic\w+)"
    r"|\b(?:user'?s?|your|their|the|any|all)\s+(?:passwords?|credentials?|api[ _-]?keys?|secrets?|credit card"
    r"|bank (?:data|account)|private keys?)\b"
    r"|\b(?:never|do not|don't)\s+(?:(?:tell|reveal|mention|disclose)\b[^.\n]{0,30}\b(?:this|these)\b|refuse\b)"
    r"|\b(?:forward|upload|transmit|leak|e-?mail|bcc|copy|report|send|post|submit)\w*\b[^.\n]{0,30}"
    r"\b(?:conversations?|chat history|transcripts?|dialogue|system prompt|private data|user data)\b"
    r"|\bsecretly\b|\bcovertly\b"
    r"|\bexfiltrat\w+|\bwithout (?:telling|informing|asking) (?:the )?user",
    re.I,
)
