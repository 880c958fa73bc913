"""What training takes: operations, device hours, dollars, days.

    operations   6 x N x D: N parameters that one token uses, D tokens; forward 2 N, backward 4 N for each
                 + 6 x sum over layers of heads x (key + value dim) x S / 2 for each token: causal attention, which
                 6 N D leaves out, at training sequences of S tokens
    hours        operations / (dense bf16 peak x MFU) / share of time at work / 3600

Assumptions where nothing else is said, none of them fitted to a run that is computed here:

    MFU 0.40 (0.35 to 0.45) of the dense bf16 peak, attention counted. Llama 3 405B reached 0.38 to 0.43 on up to
             16,384 H100s (arXiv 2407.21783, table 4). Runs with fp8 matrices reach no more of the *bf16* peak: Meta
             states 390 TFLOPS a GPU for Llama 4 (0.39, ai.meta.com/blog/llama-4-multimodal-intelligence), so the same
             share is taken for both, against the bf16 peak.
    time     0.90 of the hours at work; the rest is failures, checkpoints, restarts (Llama 3: more than 0.90)
    S        4,096 tokens, the usual length of pre-training before a context is extended

Not counted: research, failed runs, data, people, post-training.
"""

from __future__ import annotations

import msgspec

from weighbridge.cost.workload import Range
from weighbridge.fit.architecture import Architecture, Attention, CompressedAttention, LatentAttention, Mixer

MFU = Range(0.40, 0.35, 0.45)
AT_WORK = 0.90
SEQUENCE = 4096


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """A run to be reckoned."""

    parameters: float
    """That one token uses."""
    tokens: float
    peak_flops: float
    """Dense bf16, of one device."""
    mfu: Range = MFU
    at_work: float = AT_WORK
    sequence: int = SEQUENCE
    architecture: Architecture | None = None
    """None: attention is not counted."""


class TrainingCost(msgspec.Struct, frozen=True, kw_only=True):
    flop_parameters: float
    """6 N D."""
    flop_attention: float
    """0 where the architecture is not known."""
    device_hours: Range
    """Low at the high end of MFU."""

    @property
    def flop(self) -> float:
        """Of matrices and attention together."""
        return self.flop_parameters + self.flop_attention


def reckon(run: Training) -> TrainingCost:
    """Operations and device hours."""
    plain = 6 * run.parameters * run.tokens
    attention = 0.0 if run.architecture is None else attention_flop(run.architecture, run.sequence) * run.tokens
    seconds = (plain + attention) / run.peak_flops / run.at_work
    hours = Range(*(seconds / each / 3600 for each in (run.mfu.value, run.mfu.high, run.mfu.low)))
    return TrainingCost(flop_parameters=plain, flop_attention=attention, device_hours=hours)


def attention_flop(arch: Architecture, sequence: int) -> float:
    """Of one token, forward and backward: scores and their sum over values; projections are among the parameters."""
    return 6.0 * sum(_seen(mixer, sequence) for layer in arch.layers for mixer in layer.mixers)


def _seen(mixer: Mixer, sequence: int) -> float:
    """Multiplications of one token in one layer: the length it looks back on average x heads x (key + value dim)."""
    if isinstance(mixer, Attention):
        return mixer.heads * (mixer.head_dim + mixer.v_dim) * _back(sequence, mixer.window)
    if isinstance(mixer, LatentAttention):
        return mixer.heads * (mixer.nope_dim + mixer.rope_dim + mixer.v_dim) * _back(sequence, None)
    if isinstance(mixer, CompressedAttention):
        back = _back(sequence, mixer.window) + (sequence / 2 / mixer.ratio if mixer.ratio else 0)
        return mixer.heads * 2 * mixer.head_dim * back
    return 0.0


def _back(sequence: int, window: int | None) -> float:
    """Average number of tokens that one looks at, itself included: half the sequence, or less within a window."""
    if window is None or window >= sequence:
        return (sequence + 1) / 2
    return window - window * (window - 1) / 2 / sequence
