"""Settings by name, from a YAML file beside the templates."""

from pathlib import Path
from typing import Any

import yaml

from activations.errors import HourbellError
from activations.yaml_files import read_yaml


def read_settings(path: Path, missing: str) -> dict[Any, Any]:
    """What the file states; nothing where there is none. Raises HourbellError naming what is wrong.

    `missing` says what a file that names nothing should hold instead.
    """
    try:
        stated = read_yaml(path) or {}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise HourbellError(f"{path} cannot be read: {error.strerror}. Give yourself rights to it.") from error
    except yaml.YAMLError as error:
        raise HourbellError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(stated, dict):
        raise HourbellError(f"{path} {missing}")
    return stated
