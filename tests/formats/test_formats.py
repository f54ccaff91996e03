"""``RECORD`` and the list of mounts: text in, text out."""

import csv
import hashlib
import io
from base64 import urlsafe_b64encode
from posixpath import normpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envsync.formats import mountinfo, record
from envsync.formats.record import Row

SITE = "lib/python3.12/site-packages"
RECORD = """\
app/__init__.py,sha256=aaaa,12
"app/a,b.py",sha256=bbbb=,3
../../../bin/app,sha256=cccc,200
app-1.dist-info/REQUESTED,sha256=dddd,0
app-1.dist-info/RECORD,,
/outside,,
"""
NAMES = st.text(st.characters(exclude_characters="\0\r\n", codec="utf-8"), min_size=1).filter(
    lambda name: name.strip("/.") == name
)


def test_rows_are_read_with_where_their_files_are() -> None:
    assert record.parse(RECORD, SITE) == (
        Row("app/__init__.py", f"{SITE}/app/__init__.py", "sha256=aaaa", "12"),
        Row("app/a,b.py", f"{SITE}/app/a,b.py", "sha256=bbbb", "3"),
        Row("../../../bin/app", "bin/app", "sha256=cccc", "200"),
        Row("app-1.dist-info/REQUESTED", f"{SITE}/app-1.dist-info/REQUESTED", "sha256=dddd", "0"),
        Row("app-1.dist-info/RECORD", f"{SITE}/app-1.dist-info/RECORD"),
        Row("/outside", "/outside"),
    )


@pytest.mark.parametrize(
    "line",
    ["a", "a,b", "a,,,", ",,", "a\0,,", "a,sha256,1", "a,sha256=,1", "a,=x,1", "a,,-1", f"a,,{'9' * 20}", '"a,,'],
)
def test_what_is_no_record_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no RECORD"):
        record.parse(f"b,,\n{line}\n", SITE)


def test_new_contents_get_their_digest_and_size_and_other_rows_stay() -> None:
    digest = urlsafe_b64encode(hashlib.sha256(b"new").digest()).rstrip(b"=").decode()
    edited = record.update(RECORD, SITE, {"bin/app": b"new", "bin/other": b"x"})
    assert edited == RECORD.replace("sha256=cccc,200", f"sha256={digest},3")


@pytest.mark.parametrize("text", [RECORD, "", "a\r\nb,c\r\n", f'"{"x" * 200_000}",,\n'])
def test_a_record_that_lists_none_of_them_stays_as_it_is(text: str) -> None:
    assert record.update(text, SITE, {"bin/other": b"new"}) == text


@given(NAMES, st.binary())
def test_whatever_a_file_is_called_its_row_is_found_again(name: str, content: bytes) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow((name, "sha256=x", "1"))
    (row,) = record.parse(record.update(text.getvalue(), "s", {normpath(f"s/{name}"): content}), "s")
    assert (row.name, row.size) == (name, str(len(content)))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_row_is_taken_out_and_every_other_byte_stays(newline: str) -> None:
    text = RECORD.replace("\n", newline) + "app-1.dist-info/REQUESTED_TOO,,"
    gone = f"app-1.dist-info/REQUESTED,sha256=dddd,0{newline}"
    assert record.without(text, "app-1.dist-info/REQUESTED") == text.replace(gone, "")


def test_names_are_listed_up_to_where_the_text_makes_no_sense() -> None:
    assert list(record.names("a,sha256=x,1\n\n,,\nb\n")) == ["a", "b"]
    assert list(record.names(f"a,,\n{'x' * 200_000},,\nb,,\n")) == ["a"]


def test_claims_lie_below_a_directory() -> None:
    text = f"a//b,sha256=x,1\n../../bin/c,,\n.d,,\n{'x' * 200_000},,\ne,,\n"
    assert list(record.claims(text, "lib/site")) == [("lib/site/a/b", "sha256=x"), ("bin/c", ""), ("lib/site/.d", "")]


def test_a_mount_is_read_with_its_blanks() -> None:
    line = rb"36 35 98:0 /mnt1 /a\040b\134c rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue"
    (mount,) = mountinfo.parse(line + b"\n")
    assert (mount.point, mount.device, mount.root) == ("/a b\\c", "98:0", "/mnt1")
    assert (mount.kind, mount.source, mount.options) == ("ext3", "/dev/root", ("rw", "errors=continue"))


@pytest.mark.parametrize(
    "table", [b"1 2 3\n", b"36 35 98:0 / /a rw ext3 /dev/root rw\n", b"36 35 98:0 / /a rw - ext3\n"]
)
def test_what_is_no_list_of_mounts_is_refused(table: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        mountinfo.parse(table)
