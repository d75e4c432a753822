"""`lvvol bench`."""

import json

from lvvol import bench
from lvvol.errors import BenchmarkError

MEASURED = {
    "machine": {"processor": "some", "instructions": "avx2", "threads": 2, "cores": 2},
    "phantom": {"seed": 8, "slices": 12, "phases": 30, "rows": 256, "columns": 208, "files": 400}
    | {"true_edv_ml": 277.5, "true_esv_ml": 177.8},
    "edv_ml": 301.7,
    "esv_ml": 193.4,
    "repeats": 5,
    "model_s": 0.02,
    "study_s": 0.5,
    "stages_s": {"read": 0.1, "roi": 0.3},
    "studies_per_minute": 120.0,
    "command_s": 0.8,
    "peak_memory_mb": 300.0,
}


def test_prints_a_table_or_json_and_passes_its_options_on(run, monkeypatch):
    asked = []
    monkeypatch.setattr(bench, "bench", lambda **options: asked.append(options) or MEASURED)
    code, out, err = run("bench", "--repeats", "3", "--threads", "2", "--phases", "5")
    assert (code, err) == (0, "")
    assert "120 studies per minute" in out
    shares = [line.split() for line in out.splitlines() if line.endswith(" %")]
    assert shares == [
        ["read", "100.0", "20", "%"],
        ["roi", "300.0", "60", "%"],
        ["other", "100.0", "20", "%"],
    ]
    code, out, _ = run("bench", "--json")
    assert (code, json.loads(out)) == (0, MEASURED)
    assert [(each["repeats"], each["threads"], each["phases"]) for each in asked] == [
        (3, 2, 5),
        (5, 0, None),
    ]


def test_wrong_volumes_end_it_with_their_own_code(run, monkeypatch):
    def refuse(**options):
        raise BenchmarkError("EDV of the phantom: expected 277.5 mL within 30 %, got 12.0")

    monkeypatch.setattr(bench, "bench", refuse)
    code, out, err = run("bench")
    assert (code, out) == (37, "")
    assert err.startswith("lvvol: error: EDV of the phantom")
