"""A catalogue of one lab, small enough to break in one place at a time."""

from __future__ import annotations

from pathlib import Path

SOURCES = """\
[[source]]
id = "paper"
title = "The paper"
standing = "primary"

[[source]]
id = "measured"
title = "Who measured"
standing = "independent"
licence = "MIT"
attribution = "The measurers"
read = "2026-09-01"

[[source]]
id = "blog"
title = "A blog"
standing = "press"
"""

LICENCES = """\
[[licence]]
id = "MIT"
name = "MIT License"
commercial_use = "yes"
source = "paper"
read = "2026-09-01"

[[licence]]
id = "proprietary"
name = "No weights"
commercial_use = "unknown"
source = "paper"
read = "2026-09-01"

[[licence]]
id = "LicenseRef-Many"
name = "Many Users License"
names = ["many"]
commercial_use = "conditional"
conditions = [{ kind = "monthly_users", above = 700_000_000, then = "ask" }]
source = "paper"
read = "2026-09-01"
"""

LAB = """\
[lab]
id = "acme"
name = "Acme"
names = ["Acme AI"]
hub_orgs = ["acme-hub"]
country = [{ value = "CN", source = "measured", date = "2026-09-01" }]

[[model]]
id = "acme-hub/Large-Base"
name = "Large Base"
lab = "acme"
[model.facts]
parameters_total = [{ value = 671_000_000_000, source = "paper", date = "2026-01-10" }]

[[model]]
id = "acme-hub/Large"
name = "Large"
lab = "acme"
names = ["large-v1"]
[model.facts]
base_model = [{ value = "acme-hub/Large-Base", source = "paper", date = "2026-01-10" }]
released = [{ value = "2026-01-10", source = "paper", date = "2026-01-10" }]
licence = [{ value = "MIT", source = "paper", date = "2026-01-10" }]
parameters_total = [
  { value = 671_000_000_000, source = "paper", date = "2026-01-10" },
  { value = 684_531_386_000, source = "measured", date = "2026-05-12", kind = "exact" },
]
parameters_active = [{ value = 37_000_000_000, source = "paper", date = "2026-01-10" }]
modalities = [{ value = ["text", "image"], source = "paper", date = "2026-01-10" }]
open_weights = [{ value = true, source = "paper", date = "2026-01-10" }]

[[alias]]
name = "acme-chat"
model = "acme-hub/Large"
since = "2026-01-10"
source = "measured"
"""


def write_catalogue(folder: Path, *, sources: str = SOURCES, licences: str = LICENCES, lab: str = LAB) -> Path:
    """A folder with these files; as they stand there is no mistake in them."""
    (folder / "labs").mkdir(parents=True)
    (folder / "tables").mkdir()
    (folder / "sources.toml").write_text(sources)
    (folder / "licences.toml").write_text(licences)
    (folder / "labs" / "acme.toml").write_text(lab)
    return folder
