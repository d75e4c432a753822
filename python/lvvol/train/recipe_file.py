"""Recipes from TOML files and from checkpoints."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from lvvol.errors import RecipeError
from lvvol.train.recipe import Recipe
from lvvol.typing import StrPath


def read_recipe(path: StrPath) -> Recipe:
    """Read a recipe from TOML; missing keys keep their defaults.

    Parameters
    ----------
    path : str or path-like
        Keys as in `Recipe`, tables ``[detector]``, ``[classifier]`` and ``[segmentation]``.

    Raises
    ------
    RecipeError
        If the file cannot be read, a key is unknown, or a value has the wrong type or is out of
        range.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    # ValueError: TOML, UTF-8 or a whole number of thousands of digits; RecursionError: nesting.
    except (OSError, ValueError, RecursionError) as error:
        raise RecipeError(f"{path}: expected a TOML recipe, got {error}") from error
    return recipe_of(values, str(path))


def recipe_of(values: dict[str, Any], where: str) -> Recipe:
    """Return the recipe of plain values; missing ones keep their defaults.

    Parameters
    ----------
    values : dict
        As in a TOML file, or from `Recipe.to_dict` of this version or an older one.
    where : str
        File that errors name.

    Returns
    -------
    Recipe

    Raises
    ------
    RecipeError
        As in `read_recipe`.
    """
    recipe: Recipe = _build(Recipe, values, where)
    return recipe


def _build(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    """Fill a dataclass, checking each value against the type of its default."""
    default = kind()
    known = {f.name for f in dataclasses.fields(kind)}
    filled = {}
    for key, value in values.items():
        if key not in known:
            raise RecipeError(f"{where}: expected one of {', '.join(sorted(known))}, got {key!r}")
        old = getattr(default, key)
        if dataclasses.is_dataclass(old):
            if not isinstance(value, dict):
                raise RecipeError(f"{where}: {key}: expected a table, got {value!r}")
            filled[key] = _build(type(old), value, f"{where}: {key}")
            continue
        wanted = (int, float) if isinstance(old, float) else (type(old),)
        if not isinstance(value, wanted) or isinstance(value, bool) != isinstance(old, bool):
            raise RecipeError(f"{where}: {key}: expected {type(old).__name__}, got {value!r}")
        try:
            filled[key] = type(old)(value)
        except OverflowError as error:
            raise RecipeError(f"{where}: {key}: {error}") from error
    try:
        return kind(**filled)
    except ValueError as error:
        raise RecipeError(f"{where}: {error}") from error
