"""Recipes: valid contents and every error."""

from pathlib import Path

import pytest

from lvvol.errors import RecipeError
from lvvol.train.recipe import ClassifierRecipe, Recipe, SegmentationRecipe
from lvvol.train.recipe_file import read_recipe


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "recipe.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_recipe(path)

    return read


def test_an_empty_recipe_is_the_default(read):
    assert read("") == Recipe()


def test_values_replace_the_defaults(read):
    recipe = read(
        """
        seed = 7
        bfloat16 = true
        [classifier]
        learning_rate = 1
        [segmentation]
        blocks = 12
        volume_weight = 0.5
        """
    )
    assert recipe == Recipe(
        seed=7,
        bfloat16=True,
        classifier=ClassifierRecipe(learning_rate=1.0),
        segmentation=SegmentationRecipe(blocks=12, volume_weight=0.5),
    )
    assert isinstance(recipe.classifier.learning_rate, float)


def test_the_checkpoint_holds_plain_values():
    values = Recipe(seed=3).to_dict()
    assert values["seed"] == 3
    assert values["segmentation"]["blocks"] == SegmentationRecipe().blocks


def test_the_shipped_recipe_is_valid():
    folder = Path(__file__).resolve().parents[2] / "recipes"
    recipes = sorted(folder.glob("*.toml"))
    assert recipes
    for recipe in recipes:
        assert read_recipe(recipe) != Recipe()


def test_the_papers_recipe_is_the_papers():
    """III-H, and III-G for quarter turns and the l1 loss."""
    folder = Path(__file__).resolve().parents[2] / "recipes"
    part = read_recipe(folder / "paper.toml").segmentation
    assert (part.network, part.optimizer, part.learning_rate, part.momentum) == (
        *("hfcn", "sgd", 0.001, 0.9),
    )
    assert (part.schedule, part.step_blocks, part.step_factor) == ("step", 70, 0.1)
    assert (part.blocks, part.volume_only_blocks, part.warmup_blocks) == (200, 100, 0)
    assert (part.volume_loss, part.augmentation) == ("l1", "quarter_turns")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seed = ", "expected a TOML recipe"),
        (b"seed = \xff", "expected a TOML recipe"),
        (
            "sede = 1",
            "expected one of bfloat16, classifier, detector, seed, segmentation, got 'sede'",
        ),
        ("[segmentation]\nblock = 1", "segmentation: expected one of .*, got 'block'"),
        ("classifier = 3", "classifier: expected a table, got 3"),
        ("seed = 1.5", r"seed: expected int, got 1\.5"),
        ("seed = true", "seed: expected int, got True"),
        ("seed = '1'", "seed: expected int, got '1'"),
        ("bfloat16 = 1", "bfloat16: expected bool, got 1"),
        ("[classifier]\nlearning_rate = '3e-3'", "learning_rate: expected float, got '3e-3'"),
        ("[classifier]\nlearning_rate = true", "learning_rate: expected float, got True"),
        ("seed = 12345678901234567890123", "seed: expected at most 9223372036854775807, got 123"),
        ("[segmentation]\nblocks = 9223372036854775808", "blocks: expected at most"),
        (f"[classifier]\nlearning_rate = 1{'0' * 400}", "learning_rate: int too large"),
        (f"seed = 1{'0' * 5000}", "expected a TOML recipe"),
        (f"seed = {'[' * 5000}{']' * 5000}", "expected a TOML recipe"),
        ("seed = -1", "seed: expected at least 0 and finite, got -1"),
        ("[classifier]\nlearning_rate = -0.1", "learning_rate: expected at least 0 .* got -0.1"),
        ("[classifier]\nlearning_rate = nan", "learning_rate: expected at least 0 .* got nan"),
        ("[classifier]\nweight_decay = inf", "weight_decay: expected at least 0 .* got inf"),
        ("[classifier]\nepochs = 0", "classifier: epochs: expected at least 1"),
        ("[classifier]\nbatch = 0", "batch: expected at least 1"),
        ("[segmentation]\nblocks = 0", "blocks: expected at least 1"),
        ("[segmentation]\nbatch = 0", "batch: expected at least 1"),
        ("[segmentation]\nstudies = 0", "studies: expected at least 1"),
        ("[segmentation]\nvolume_weight = -1", "volume_weight: expected at least 0"),
        (
            "[segmentation]\nnetwork = 'unet'",
            "network: expected one of hfcn, hfcn_wide, hfcn_context, fcn, got",
        ),
        ("[segmentation]\nnetwork = 3", "network: expected str, got 3"),
        ("[segmentation]\noptimizer = 'adam'", "optimizer: expected one of adamw, sgd, got 'adam'"),
        ("[segmentation]\nschedule = 'flat'", "schedule: expected one of cosine, step, got"),
        ("[segmentation]\nvolume_loss = 'l3'", "volume_loss: expected one of relative, l1, l2,"),
        (
            "[segmentation]\naugmentation = 'none'",
            "augmentation: expected one of any_angle, quarter",
        ),
        ("[segmentation]\nbest_by = 'luck'", "best_by: expected one of volumes, dice, last, got"),
        ("[segmentation]\nmomentum = 1.0", "momentum: expected below 1, got 1.0"),
        ("[segmentation]\nema_decay = 1.0", "ema_decay: expected below 1, got 1.0"),
        ("[segmentation]\nclip_norm = 0.0", "clip_norm: expected above 0, got 0.0"),
        ("[segmentation]\nstep_blocks = 0", "step_blocks: expected at least 1"),
        ("[segmentation]\nbest_by = 'last'\npatience = 3", "patience: expected 0 where best_by is"),
        (
            "[segmentation]\nblocks = 5\nwarmup_blocks = 3\nvolume_only_blocks = 3",
            "expected no more than 5 blocks together, got 3 and 3",
        ),
    ],
)
def test_invalid_recipes_are_refused(read, tmp_path, text, complaint):
    with pytest.raises(RecipeError, match=complaint) as caught:
        read(text)
    assert str(caught.value).startswith(str(tmp_path / "recipe.toml"))
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml: expected a TOML recipe"):
        read_recipe(tmp_path / "none.toml")
