"""Settings of uv's that would have packages installed elsewhere, or in part, are refused by file and key."""

import pytest

from harness.depot import Depot

pytestmark = pytest.mark.sampled(8)


@pytest.mark.parametrize("setting", ['target = "elsewhere"', 'prefix = "elsewhere"', "no-deps = true"])
@pytest.mark.parametrize("whose", ["the project's", "a directory's above", "the user's"])
def test_what_would_overrule_the_manifest_is_refused(
    depot: Depot, setting: str, whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = depot.root / "work/proj"
    project.mkdir(parents=True)
    text = '[project]\nname = "proj"\nversion = "1"\ndependencies = ["app"]\n'
    own = f"[tool.uv.pip]\n{setting}\n" if whose == "the project's" else ""
    (project / "pyproject.toml").write_text(text + own)
    file = project / "pyproject.toml"
    if whose != "the project's":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(depot.root / "config"))
        file = depot.root / ("config/uv/uv.toml" if whose == "the user's" else "work/uv.toml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"[pip]\n{setting}\n")
    depot.declare('project = "work/proj"')
    entry = depot.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "inputs-unreadable")
    assert f"{file}: `{setting.split(maxsplit=1)[0]}`" in entry["conflict"]["message"]
    depot.installer = "pip"
    depot.declare('project = "work/proj"')
    assert depot.apply()["outcome"] == "created"
    assert depot.apply()["outcome"] == "unchanged"
