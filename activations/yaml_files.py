"""YAML as people write it in the project's files."""

from pathlib import Path
from typing import Any

import yaml

# that of libyaml says the same in a tenth of the time; not every build of PyYAML has it
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """What a file states; raises OSError, and yaml.YAMLError naming the place that is wrong."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
