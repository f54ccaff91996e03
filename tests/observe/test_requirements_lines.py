"""The lines of requirements files: which count, which are left to pip, and which nobody would carry out."""

import pytest

from envsync.model.packages import Project
from harness.declaring import Inputs


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a==1 --config-settings x=y", "--config-settings"),
        ("a==1 --global-option=x", "--global-option"),
        ("--prefer-binary", "`--prefer-binary`"),
        ("--use-feature=fast-deps", "`--use-feature=fast-deps`"),
        ("--no-require-hashes", "`--no-require-hashes`"),
        ("--only-final :all:", "`--only-final`"),
        ("-Z", "`-Z`"),
        ("-e git+https://example.org/x#egg=x", "--editable with a repository or archive"),
        ("-e.", "`-e.`"),
        ("-e . --config-settings x=y", "--config-settings behind --editable"),
        ("-rmore.txt", "`-rmore.txt`"),
        ("a # why \\\nb", "a comment that continues in the next line"),
        ("a # why \\\n-r more.txt", "a comment that continues in the next line"),
        ("--index-url https://x.example/ --pre", "--pre behind --index-url"),
        ("a==${VERSION}", "a variable in a name, version or marker"),
        ("a ; python_version > '${VERSION}'", "a variable in a name, version or marker"),
        ("a @ https://x.example/a.zip ; '${VERSION}' in os_name", "a variable in a name, version or marker"),
    ],
)
def test_what_uv_cannot_do_goes_to_pip_or_is_refused_by_place(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch, line: str, reason: str
) -> None:
    monkeypatch.setenv("VERSION", "1")
    inputs.write("more.txt", "b\n")
    inputs.write("setup.py", "")
    by_uv = inputs.requirements(f"c\n{line}\n", wanted="uv")
    assert by_uv.installer == "uv"
    assert f"uv cannot do this: {reason}; change it" in " ".join(inputs.shown(by_uv))
    assert by_uv.problems[0].startswith(f"{inputs.root}/requirements.txt:")
    by_pip = inputs.requirements(f"c\n{line}\n")
    assert (by_pip.installer, by_pip.problems) == ("pip", ())


@pytest.mark.parametrize(
    "text",
    [
        "a\nb>=1,<2\n",
        "# all\na # why\n\n   \nb#c\n",
        "a\r\nb\r\n",
        b"\xef\xbb\xbfa\nb\n",
        "a\n".encode("utf-16"),
        "a==1 --hash=sha256:00 \\\n  --hash=sha256:11\n",
        "a==1 \\\n    --hash=sha256:00 \\\n    # via b\nc\n",
        "# a comment that ends in \\\nb\n",
        "-i https://x.example/\n--extra-index-url=https://y.example/\n--no-index\n--pre\n--trusted-host x.example\n",
        "--only-binary :all:\n--no-binary=a\n--require-hashes\n",
        "a @ https://x.example/a-1-py3-none-any.whl\n",
        "a @ git+https://x.example/a@feature/login#subdirectory=s\n",
        "git+ssh://git@x.example/a.git\nhttps://x.example/a.tar.gz\n",
        'a;sys_platform=="a/b"\n',
        "",
    ],
)
def test_what_both_installers_read_alike_is_no_matter(inputs: Inputs, text: str | bytes) -> None:
    for wanted in ("auto", "uv", "pip"):
        found = inputs.requirements(text, wanted=wanted)
        assert found.problems == ()
        assert found.installer == {"auto": "uv"}.get(wanted, wanted)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--requirem more.txt", "2: '--requirem' is an abbreviated option; write it in full"),
        ("--re more.txt", "2: '--re' is an abbreviated option"),
        ("--extra-index https://x.example/", "2: '--extra-index' is an abbreviated option"),
        ("pip install -U requests", "2: '-U' has no effect behind a requirement"),
        ("numpy --only-binary=:all:", "2: '--only-binary' has no effect behind a requirement"),
        ("httpx==1 -r ./other.txt", "2: '--requirement' has no effect behind a requirement"),
        ("-r more.txt other.txt", "2: 'other.txt' has no effect behind an option"),
        ("-r more.txt --pre", "2: '--pre' has no effect behind an option"),
        ("--pre -r more.txt", "2: '--requirement' has no effect behind an option"),
        ("-e . -c more.txt", "2: '--constraint' has no effect behind an option"),
        ("--hash=sha256:00", "2: --hash belongs on the line of a requirement"),
        ("${OPTIONS}", "2: a variable holds an option"),
        ("--no-index more", "2: 'more' has no effect behind an option"),
        ("-r gone.txt", "2: "),
        ("--constraint=gone.txt", "gone.txt: it does not exist"),
        ("-e ./gone", "2: there is no Python project ./gone"),
        ("./gone.whl", "2: there is no file ./gone.whl"),
        ("-r ${NOWHERE}/x.txt", "2: ${NOWHERE} is not set"),
        ("a @ https://user:secret@${NOWHERE}/x", "2: ${NOWHERE} is not set"),
        ("-r pylock.toml", "2: a lock cannot be included"),
        ("-", "2: '-' is an abbreviated option"),
        ("--", "2: '--' is an abbreviated option"),
    ],
)
def test_what_would_be_skipped_is_a_problem_with_its_place(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    monkeypatch.setenv("OPTIONS", "-r more.txt")
    inputs.write("setup.py", "")
    inputs.write("more.txt", "")
    for wanted in ("uv", "pip", "auto"):
        found = inputs.requirements(f"a\n{line}\n", wanted=wanted)
        assert words in " ".join(inputs.shown(found))
        assert "secret" not in repr(found.problems)


def test_what_pip_would_skip_behind_an_editable_project_is_for_uv(inputs: Inputs) -> None:
    inputs.write("lib/setup.py", "")
    found = inputs.requirements('-e ./lib ; python_version < "3"\n')
    assert (found.installer, found.problems) == ("uv", ())
    assert found.projects == (Project(f"{inputs.root}/lib", editable=True),)
    (problem,) = inputs.requirements('-e ./lib ; python_version < "3"\n', wanted="pip").problems
    assert "pip cannot do this: it does not read" in problem


@pytest.mark.parametrize(
    "line",
    [
        *(
            "-r more.txt",
            "-r=more.txt",
            "-rmore.txt",
            "--requirement=more.txt",
            "--requirement more.txt",
            "-r 'more.txt'",
        ),
        *("-c more.txt", "--constraint=more.txt", "-r \\\n  more.txt", "-r file:more.txt", "-r${HERE}/more.txt"),
    ],
)
def test_an_include_counts_in_every_spelling(inputs: Inputs, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setenv("HERE", str(inputs.root))
    file = inputs.write("more.txt", "b\n")
    assert file in inputs.requirements(f"a\n{line}\n").files


def test_a_variable_may_hold_spaces_for_uv(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", f"{inputs.root}/it's a place")
    inputs.write("it's a place/lib/setup.py", "")
    found = inputs.requirements("-e ${HERE}/lib\n")
    assert (found.problems, found.projects) == ((), (Project(f"{inputs.root}/it's a place/lib", editable=True),))
