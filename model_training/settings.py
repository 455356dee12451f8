"""Turn a TOML file into checked settings: what the recipes of every kind of training share."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strokeapp.errors import RecipeError


def read_toml(path: Path, *, shipped: str) -> dict[str, Any]:
    """Return the plain values of a recipe's file.

    Args:
        path: The file.
        shipped: Sentence that says where the shipped recipes are, for the error.

    Raises:
        RecipeError: The file is missing or is not TOML.
    """
    if not path.is_file():
        raise RecipeError(f"There is no recipe at {path}. {shipped}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path.name} is not valid TOML: {error}.") from error


def known_settings(raw: Mapping[str, Any], kind: type, source: str) -> dict[str, Any]:
    """Return the values with lists as tuples.

    Args:
        raw: Plain values.
        kind: The dataclass they are for.
        source: Named in errors.

    Raises:
        RecipeError: A value has a name that the dataclass does not know.
    """
    known = {item.name for item in dataclasses.fields(kind)}
    unknown = sorted(set(raw) - known)
    if unknown:
        raise RecipeError(f"{source}: unknown settings {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}


def require(rules: Mapping[str, bool], source: str) -> None:
    """Refuse settings that break a rule.

    Args:
        rules: Each rule in words, and whether it holds.
        source: Named in the error.

    Raises:
        RecipeError: Names every broken rule.
    """
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise RecipeError(f"{source}: {'; '.join(broken)}.")


def init_rule(init: str) -> dict[str, bool]:
    """Return the rule that every recipe's ``init`` keeps."""
    known = init in ("imagenet", "scratch") or init.startswith("pretrained:")
    return {'init must be "imagenet", "scratch" or "pretrained:FILE"': known}
