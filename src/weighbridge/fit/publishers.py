"""What is known of those who publish GGUF files, as far as it changes the files.

A table of habits, each with where it can be read. Who is not in it is taken to use llama.cpp as it is.
"""

from __future__ import annotations

from .gguf_file import Maker

_HABITS: tuple[tuple[str, Maker], ...] = (
    # github.com/bartowski1182/quantization-config: the llama-quant.cpp its releases are built with; always an imatrix
    ("bartowski/", Maker(imatrix=True, recipe="bartowski")),
    ("lmstudio-community/", Maker(imatrix=False)),
    # huggingface.co/mradermacher: `-i1-` in the name marks files made with an imatrix
    ("mradermacher/", Maker(imatrix=False)),
    # offers every type from IQ1_S on, which needs an imatrix
    ("maziyarpanahi/", Maker(imatrix=True)),
    # TheBloke stopped in January 2024, before the k-quants were tuned
    ("thebloke/", Maker(imatrix=False, recipe="2023")),
    ("ggml-org/", Maker(imatrix=False)),
    # sizes of unsloth's Q2_K_L files: embeddings at Q4_K, the output table as usual
    ("unsloth/", Maker(imatrix=True, large="Q4_K")),
)
RECIPES = (("2026-04", "bartowski"), ("2026-02-15", "bartowski-2026"), ("2025-04", "bartowski-2025"), ("", ""))
"""Since when which rules hold, the latest first. Before April 2025 files follow llama.cpp's own (pull request 12727
there names the change)."""


def maker_of(source: str, date: str = "") -> Maker:
    """Who made the file at this place (`hf:bartowski/...`), as far as it is known.

    date: when the file was published, or the model: files usually follow within days. Empty: as files are made today.
    """
    text = source.lower().removeprefix("hf:").removeprefix("https://huggingface.co/")
    if "-i1-" in text or "imatrix" in text:
        return Maker(imatrix=True)
    for owner, habits in _HABITS:
        if text.startswith(owner):
            if habits.recipe != "bartowski" or not date:
                return habits
            return Maker(habits.imatrix, next(recipe for since, recipe in RECIPES if date >= since))
    return Maker()
