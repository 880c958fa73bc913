"""A catalogue of a few real models with their figures, as articles get them wrong; compiled, with tables."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from weighbridge.cli.main import main

SOURCES = """\
[[source]]
id = "paper"
title = "The papers"
standing = "primary"
url = "https://example.org/paper?a=1&b=2"

[[source]]
id = "counted"
title = "Parameters counted in the files"
standing = "independent"
licence = "MIT"
attribution = "Who counted"
read = "2026-05-12"

[[source]]
id = "models-dev"
title = "A price list"
standing = "independent"
licence = "MIT"
attribution = "Who listed"
read = "2026-07-02"

[[source]]
id = "article"
title = "A popular comparison"
standing = "press"
"""

LICENCES = """\
[[licence]]
id = "MIT"
name = "MIT License"
names = ["MIT"]
commercial_use = "yes"
attribution = "yes"
outputs_for_training = "yes"
source = "paper"
read = "2026-09-01"

[[licence]]
id = "Apache-2.0"
name = "Apache License 2.0"
names = ["Apache 2.0"]
commercial_use = "yes"
source = "paper"
read = "2026-09-01"

[[licence]]
id = "LicenseRef-Falcon-180B"
name = "Falcon 180B TII License"
names = ["Falcon License", "Falcon TII License"]
commercial_use = "conditional"
conditions = [
  { kind = "hosting", then = "a licence of its own for hosted services" },
  { kind = "monthly_users", above = 700_000_000, then = "ask first" },
]
use_policy = "acceptable use"
use_policy_may_change = "yes"
source = "paper"
read = "2026-09-01"

[[licence]]
id = "LicenseRef-TII-Other"
name = "TII License"
commercial_use = "conditional"
conditions = [{ kind = "use_policy", then = "pass it on" }]
source = "paper"
read = "2026-09-01"

[[licence]]
id = "LicenseRef-MRL"
name = "Mistral Research License"
names = ["MRL"]
commercial_use = "no"
source = "paper"
read = "2026-09-01"
doubt = "read in a summary"

[[licence]]
id = "proprietary"
name = "No weights"
names = ["closed"]
commercial_use = "unknown"
source = "paper"
read = "2026-09-01"
"""

TII = """\
[lab]
id = "tii"
name = "Technology Innovation Institute"
names = ["TII"]
hub_orgs = ["tiiuae"]
country = [{ value = "AE", source = "counted", date = "2026-09-01" }]

[[model]]
id = "tiiuae/falcon-180B"
name = "Falcon 180B"
lab = "tii"
[model.facts]
family = [{ value = "Falcon", source = "paper", date = "2023-09-06" }]
stage = [{ value = "base", source = "paper", date = "2023-09-06" }]
released = [{ value = "2023-09-06", source = "paper", date = "2023-09-06" }]
architecture = [{ value = "dense", source = "paper", date = "2023-09-06" }]
context_tokens = [{ value = 2_048, source = "paper", date = "2023-09-06" }]
parameters_total = [{ value = 180_000_000_000, source = "paper", date = "2023-09-06" }]
hf_id = [{ value = "tiiuae/falcon-180B", source = "paper", date = "2023-09-06" }]
licence = [
  { value = "LicenseRef-Falcon-180B", source = "paper", date = "2023-09-06" },
  { value = "Apache-2.0", source = "article", date = "2025-02-12" },
]

[[model]]
id = "tiiuae/falcon-180B-chat"
name = "Falcon 180B Chat"
lab = "tii"
[model.facts]
stage = [{ value = "instruct", source = "paper", date = "2023-09-06" }]
base_model = [{ value = "tiiuae/falcon-180B", source = "paper", date = "2023-09-06" }]
licence = [{ value = "LicenseRef-Falcon-180B", source = "paper", date = "2023-09-06" }]
"""

MISTRAL = """\
[lab]
id = "mistral"
name = "Mistral AI"
names = ["Mistral"]
hub_orgs = ["mistralai"]
country = [{ value = "FR", source = "counted", date = "2026-09-01" }]

[[model]]
id = "mistralai/Mistral-Large-Instruct-2407"
name = "Mistral Large 2"
lab = "mistral"
[model.facts]
family = [{ value = "Mistral", source = "paper", date = "2024-07-24" }]
stage = [{ value = "instruct", source = "paper", date = "2024-07-24" }]
released = [{ value = "2024-07-24", source = "paper", date = "2024-07-24" }]
architecture = [
  { value = "dense", source = "counted", date = "2026-05-12", kind = "derived" },
  { value = "moe", source = "article", date = "2026-09-01" },
]
context_tokens = [{ value = 128_000, source = "paper", date = "2024-07-24" }]
parameters_total = [{ value = 123_000_000_000, source = "paper", date = "2024-07-24" }]
open_weights = [{ value = true, source = "paper", date = "2024-07-24" }]
licence = [{ value = "LicenseRef-MRL", source = "paper", date = "2024-07-24" }]
tools = [{ value = true, source = "paper", date = "2024-07-24" }]
"""

DEEPSEEK = """\
[lab]
id = "deepseek"
name = "DeepSeek"
hub_orgs = ["deepseek-ai"]
country = [{ value = "CN", source = "counted", date = "2026-09-01" }]

[[model]]
id = "deepseek-ai/DeepSeek-V3-Base"
name = "DeepSeek-V3-Base"
lab = "deepseek"
[model.facts]
stage = [{ value = "base", source = "paper", date = "2024-12-26" }]
licence = [{ value = "MIT", source = "paper", date = "2024-12-26" }]

[[model]]
id = "deepseek-ai/DeepSeek-V3"
name = "DeepSeek-V3"
lab = "deepseek"
[model.facts]
family = [{ value = "DeepSeek", source = "paper", date = "2024-12-26" }]
stage = [{ value = "instruct", source = "paper", date = "2024-12-26" }]
base_model = [{ value = "deepseek-ai/DeepSeek-V3-Base", source = "paper", date = "2024-12-26" }]
released = [{ value = "2024-12-26", source = "paper", date = "2024-12-26" }]
weights_released = [{ value = "2024-12-25", source = "counted", date = "2024-12-25" }]
parameters_total = [
  { value = 671_000_000_000, source = "paper", date = "2024-12-26" },
  { value = 684_531_386_000, source = "counted", date = "2026-05-12", kind = "exact", note = "with the MTP module" },
]
parameters_active = [{ value = 37_000_000_000, source = "paper", date = "2024-12-26" }]
architecture = [{ value = "moe", source = "paper", date = "2024-12-26" }]
context_tokens = [{ value = 131_072, source = "paper", date = "2024-12-26" }]
modalities = [{ value = ["text"], source = "paper", date = "2024-12-26" }]
languages = [{ value = ["en", "zh"], source = "paper", date = "2024-12-26" }]
open_weights = [{ value = true, source = "paper", date = "2024-12-26" }]
licence = [{ value = "MIT", source = "paper", date = "2024-12-26" }]
tools = [{ value = true, source = "paper", date = "2024-12-26" }]

[[alias]]
name = "deepseek-chat"
model = "deepseek-ai/DeepSeek-V3"
since = "2024-12-26"
source = "models-dev"
"""

CLOSED = """\
[lab]
id = "closed"
name = "Closed & <b>Sons</b>"
country = [{ value = "US", source = "counted", date = "2026-09-01" }]

[[model]]
id = "closed/oracle"
name = "Oracle"
lab = "closed"
[model.facts]
licence = [{ value = "proprietary", source = "paper", date = "2026-01" }]
released = [{ value = "2026-01", source = "paper", date = "2026-01" }]
context_tokens = [{ value = 1_000_000, source = "paper", date = "2026-01" }]

[[model]]
id = "closed/named"
name = "Named"
lab = "closed"
stub = true
[model.facts]
released = [{ value = "2026-02", source = "models-dev", date = "2026-07-02" }]
"""

PROVIDERS = """\
[[provider]]
id = "deepseek"
name = "DeepSeek API"
country = [{ value = "CN", source = "article", date = "2026-02-10" }]
data_location = [{ value = "China", source = "article", date = "2026-02-10" }]
trains_on_inputs = [{ value = "opt-out", source = "article", date = "2026-02-10" }]
"""

OFFERS = """\
provider,model_id,model,input,output,tiered,updated
deepseek,deepseek-chat,deepseek-ai/DeepSeek-V3,0.27,1.1,,2026-06-01
northcloud,deepseek-v3,deepseek-ai/DeepSeek-V3,0.9,0.9,true,2026-06-15
freebie,deepseek-v3:free,deepseek-ai/DeepSeek-V3,0,0,,2026-05-01
silent,deepseek-v3,deepseek-ai/DeepSeek-V3,,,,2026-05-01
northcloud,mistral-large,mistralai/Mistral-Large-Instruct-2407,2,6,,2026-06-15
"""

SCORES = """\
benchmark,metric,model_name,model,score,date,independence,measured_by,source
GPQA Diamond,percent,DeepSeek-V3,deepseek-ai/DeepSeek-V3,56,2025-01-10,independent,Epoch AI,counted
GPQA Diamond,percent,DeepSeek-V3 (again),deepseek-ai/DeepSeek-V3,57.5,2025-06-10,independent,Epoch AI,counted
GPQA Diamond,percent,Mistral Large 2,mistralai/Mistral-Large-Instruct-2407,47.2,2025-01-10,independent,Epoch AI,counted
GPQA Diamond,percent,DeepSeek-V3,deepseek-ai/DeepSeek-V3,59.1,2024-12-26,self-reported,DeepSeek,counted
"""

TRAINING = """\
model,stage,reported_by,source,date,kind,hardware,gpu_hours,usd
deepseek-ai/DeepSeek-V3,pre-training,DeepSeek,paper,2024-12-26,reported,H800,2664000,5328000
deepseek-ai/DeepSeek-V3,"final run, all stages",DeepSeek,paper,2024-12-26,reported,2048 H800,2788000,5576000
tiiuae/falcon-180B,pre-training,TII,paper,2023-11-29,reported,A100,7000000,
"""


def build_field(folder: Path) -> Path:
    """The catalogue, written and compiled; raises where it holds a mistake."""
    (folder / "labs").mkdir(parents=True)
    (folder / "tables").mkdir()
    for name, text in (("sources", SOURCES), ("licences", LICENCES), ("providers", PROVIDERS)):
        (folder / f"{name}.toml").write_text(text)
    for name, text in (("tii", TII), ("mistral", MISTRAL), ("deepseek", DEEPSEEK), ("closed", CLOSED)):
        (folder / "labs" / f"{name}.toml").write_text(text)
    for name, text in (("offers", OFFERS), ("scores", SCORES), ("training", TRAINING)):
        (folder / "tables" / f"{name}.csv").write_text(text)
    built = CliRunner().invoke(main, ["catalog", "build", str(folder)])
    assert built.exit_code == 0, built.output
    checked = CliRunner().invoke(main, ["catalog", "check", str(folder)])
    assert checked.exit_code == 0, checked.output
    return folder
