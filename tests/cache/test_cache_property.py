"""Caches never change an answer: what a pass with them finds, one without finds too, whatever was done meanwhile."""

import threading

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.crash_parts import tree
from harness.damages import BLOG, CACHE_DAMAGES, DAMAGES, SETTLING, Step, do
from harness.small_world import World, assert_same

pytest_plugins = ["harness.plugin_world"]
RANDOM = settings(deadline=None, database=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.sampled(54)
@pytest.mark.parametrize("_batch", range(24))
@settings(RANDOM, max_examples=4)
@given(damages=st.lists(st.tuples(DAMAGES, SETTLING), max_size=4))
@example(damages=[])
def test_caches_never_change_an_answer(world: World, damages: list[tuple[Step, tuple[Step, ...]]], _batch: int) -> None:
    world.renew()
    for damage, after in damages:
        do(world, damage)
        if after:
            assert_same(world, "check")
        for step in after:
            do(world, step)
    assert_same(world, "check", "plan --json")


SWITCHES = {
    "src/blog/all.txt": "lib>=1 => lib>=7",
    "plain/pyvenv.cfg": "plain => nialp",
    "settings/a/envs.toml": '"plain"\n => "nialp"\n',
    f"{BLOG}/bin/activate": "blog/.venv => blog/.vevn",
    "envs.d/one.toml": '"../one" => "../two"',
}


@settings(RANDOM, max_examples=2)
@given(target=st.sampled_from(sorted(SWITCHES)), delays=st.lists(st.integers(0, 150), min_size=4, max_size=8))
def test_a_change_during_a_pass_or_right_after_it_is_seen(world: World, target: str, delays: list[int]) -> None:
    world.renew()
    there, _, back = SWITCHES[target].partition(" => ")
    for number, delay in enumerate(delays):
        step = Step("edit", target, f"{back} => {there}" if number % 2 else f"{there} => {back}")
        do(world, Step("cache", "forget"))
        change = threading.Timer(delay / 1000, do, (world, step))
        change.start()
        world.envsync("check")
        change.join()
        assert world.envsync("check").status == (0 if number % 2 else 3)


HOW = st.one_of(st.just("noise"), st.sampled_from(CACHE_DAMAGES))


@settings(RANDOM, max_examples=1)
@given(chances=st.lists(st.tuples(HOW, st.integers(0, 999)), min_size=12, max_size=12))
def test_damaged_caches_are_as_good_as_none(world: World, chances: list[tuple[str, int]]) -> None:
    world.renew()
    answers = [world.envsync(*words) for words in (("check",), ("plan", "--json"))]
    for how, chance in chances:
        do(world, Step("cache", how, str(chance)))
        assert [world.envsync(*words) for words in (("check",), ("plan", "--json"))] == answers
        world.put_caches_back()


WORDS = st.sampled_from(
    [
        *("check", "check", "apply", "--file", "envs.toml", "--file=envs.toml", "--file=", "--file=other.toml"),
        *("-q", "--quiet", "", "other.toml", "blog", "--file=settings/../envs.toml", "--", "-qq", "--fil"),
    ]
)


@settings(RANDOM, max_examples=5)
@given(words=st.lists(WORDS, min_size=1, max_size=4))
@example(words=["check", "-q"])
@example(words=["check", "--file"])
@example(words=["--file", "envs.toml", "apply"])
def test_whatever_the_words_the_answer_is_that_of_a_pass_without_caches(world: World, words: list[str]) -> None:
    if not world.knows():
        world.renew()
    assert world.envsync(*words) == world.envsync("--no-cache", *words)


@pytest.mark.sampled(24)
@pytest.mark.parametrize(
    "step",
    [
        *(Step("cache", how, str(chance)) for how in ("noise", "truncate", "other") for chance in range(2)),
        *(Step("copy", "opt/python", "opt/other"), Step("settle")),
    ],
)
def test_what_is_built_with_caches_is_what_is_built_without(world: World, step: Step) -> None:
    world.renew()
    built = []
    for words in (("apply",), ("apply",), ("apply", "--no-cache")):
        for directory in ("plain", "waited/.venv"):
            do(world, Step("remove", directory))
        assert world.envsync(*words).status == 0
        built.append([tree(world.root / directory) for directory in ("plain", "waited/.venv")])
        if len(built) == 1:
            do(world, step)
    assert built[1] == built[2]
