"""The command runs, makes an environment, and finds nothing to do the second time."""

from harness.place import Place


def test_a_second_apply_finds_nothing_to_do(place: Place) -> None:
    place.write('[envs.blog]\npath = "blog/.venv"\ntarget = "blog"\n', "blog")
    assert place.apply()["blog"]["outcome"] == "created"
    assert place.apply()["blog"]["outcome"] == "unchanged"
