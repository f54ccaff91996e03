"""Which manifest is meant."""

import os
import sys

import pytest

from envsync.manifest.find import FOUND, NAMED, OWN, find, hidden, of_user
from envsync.model.problems import ManifestError
from harness.manifest_box import Box


def locate(file: str | None) -> str:
    return find(file)[0]


def enter(box: Box, directory: str) -> None:
    box.monkeypatch.chdir(directory)
    box.monkeypatch.setenv("PWD", directory)


def test_a_given_file_wins_and_need_not_be_there(box: Box) -> None:
    box.write("")
    box.monkeypatch.setenv("ENVSYNC_FILE", "/other")
    assert locate("/x/my.toml") == "/x/my.toml"
    assert locate("./sub//my.toml") == f"{box.root}/sub/my.toml"


def test_the_variable_comes_next_and_empty_counts_as_unset(box: Box) -> None:
    box.write("")
    box.monkeypatch.setenv("ENVSYNC_FILE", "v.toml")
    assert locate(None) == f"{box.root}/v.toml"
    box.monkeypatch.setenv("ENVSYNC_FILE", "")
    assert locate(None) == box.file


def test_the_nearest_manifest_upwards_comes_before_that_of_the_user(box: Box) -> None:
    box.write("")
    box.write("", "home/.config/envsync/envs.toml")
    os.makedirs(f"{box.root}/a/b")
    enter(box, f"{box.root}/a/b")
    assert locate(None) == box.file
    near = box.write("", "a/envs.toml")
    assert locate(None) == near


def test_the_manifest_of_the_user_comes_last(box: Box) -> None:
    own = box.write("", "home/.config/envsync/envs.toml")
    assert locate(None) == own
    other = box.write("", "config/envsync/envs.toml")
    box.monkeypatch.setenv("XDG_CONFIG_HOME", f"{box.root}/config")
    assert locate(None) == other


def test_on_macos_dotfiles_are_found_too_after_the_systems_own_directory(box: Box) -> None:
    box.monkeypatch.setattr(sys, "platform", "darwin")
    usual = f"{box.home}/Library/Application Support/envsync/envs.toml"
    assert of_user() == usual
    dotfiles = box.write("", "home/.config/envsync/envs.toml")
    assert of_user() == dotfiles
    assert (find(), hidden(dotfiles, OWN)) == ((dotfiles, OWN), "")
    box.write("", "home/Library/Application Support/envsync/envs.toml")
    assert (find(), hidden(usual, OWN), of_user()) == ((usual, OWN), dotfiles, usual)
    assert (hidden("/a/clone/envs.toml", FOUND), hidden(dotfiles, NAMED)) == (usual, "")
    enter(box, f"{box.home}/.config/envsync")
    assert (find(), hidden(dotfiles, OWN)) == ((dotfiles, OWN), usual)
    box.monkeypatch.setenv("XDG_CONFIG_HOME", f"{box.root}/config")
    assert of_user() == f"{box.root}/config/envsync/envs.toml"


def test_on_macos_a_link_from_one_directory_to_the_other_hides_nothing(box: Box) -> None:
    box.monkeypatch.setattr(sys, "platform", "darwin")
    box.write("", "home/.config/envsync/envs.toml")
    os.makedirs(f"{box.home}/Library/Application Support")
    os.symlink("../../.config/envsync", f"{box.home}/Library/Application Support/envsync")
    file, origin = find()
    assert (file, hidden(file, origin)) == (of_user(), "")


def test_a_dangling_link_counts_as_found(box: Box) -> None:
    os.symlink("nowhere", box.file)
    assert locate(None) == box.file


def test_a_symlinked_directory_is_kept_as_the_user_sees_it(box: Box) -> None:
    os.makedirs(f"{box.root}/real/deep")
    os.symlink("real/deep", "link")
    box.write("", "real/envs.toml")
    box.write("")
    enter(box, f"{box.root}/link")
    assert locate(None) == box.file
    assert locate("x.toml") == f"{box.root}/link/x.toml"
    # The kernel's parent of a link is that of its end.
    assert locate("../x.toml") == f"{box.root}/link/../x.toml"


@pytest.mark.parametrize("seen", ["", "relative", "/nowhere-such", "/", "{root}/real/../real", "/a\udcff"])
def test_a_pwd_that_is_wrong_or_untidy_is_not_believed(box: Box, seen: str) -> None:
    os.mkdir("real")
    box.monkeypatch.chdir("real")
    box.monkeypatch.setenv("PWD", seen.format(root=box.root))
    assert locate("x") == f"{box.root}/real/x"


def test_nothing_found_names_the_places(box: Box) -> None:
    with pytest.raises(ManifestError) as caught:
        locate(None)
    (problem,) = caught.value.problems
    assert problem.code == "manifest-missing"
    assert "envsync import PATH" in (problem.hint or "")
    assert f"envs.toml in {box.root} and the directories above it" in problem.message
    assert f"{box.home}/.config/envsync/envs.toml" in problem.message
    box.monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(
        ManifestError, match=r"nor /.*/Library/Application Support/\S+ or /.*/\.config/envsync/envs.toml"
    ):
        locate(None)
    assert "--file" in problem.hint


@pytest.mark.parametrize("file", ["", "a\0b"])
def test_a_name_that_no_file_can_have_is_an_error(file: str) -> None:
    with pytest.raises(ManifestError) as caught:
        locate(file)
    assert caught.value.problems[0].code == "manifest-missing"


def test_in_a_directory_that_is_gone_only_absolute_names_and_the_own_manifest_are_found(box: Box) -> None:
    os.mkdir("gone")
    enter(box, f"{box.root}/gone")
    os.rmdir(f"{box.root}/gone")
    assert locate("/x") == "/x"
    with pytest.raises(ManifestError, match="current directory no longer exists"):
        locate("x")
    with pytest.raises(ManifestError, match="the current directory, which no longer exists"):
        locate(None)
    own = box.write("", "home/.config/envsync/envs.toml")
    assert locate(None) == own
