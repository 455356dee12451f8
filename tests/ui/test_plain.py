"""Text of strangers is shown letter by letter, never as Markdown; a browser test looks at the same on the page."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokeapp.ui.plain import plain

UNESCAPED = re.compile(r"(?:\\[\\`*_{}\[\]()<>#+\-!|~$:.&@]|[^\\`*_{}\[\]()<>#+\-!|~$:.&@])*")
"""CommonMark 2.4: any ASCII punctuation may be escaped, and an escaped mark is a letter."""


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b_c.dcm", r"a\_b\_c\.dcm"),
        ("![x](http://h/p.png)", r"\!\[x\]\(http\://h/p\.png\)"),
        (":red[x] $y$", r"\:red\[x\] \$y\$"),
        ("two\nlines", "two lines"),
        ("Schädel größer 脳", "Schädel größer 脳"),
    ],
)
def test_marks_are_escaped_and_letters_kept(text, escaped) -> None:
    assert plain(text) == escaped


@given(st.text(alphabet=string.ascii_letters + string.punctuation + " äß脳", max_size=60))
def test_no_mark_is_left_and_every_letter_comes_back(text) -> None:
    assert UNESCAPED.fullmatch(plain(text))
    assert re.sub(r"\\(.)", r"\1", plain(text)) == " ".join(text.split())
