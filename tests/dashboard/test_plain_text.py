"""What people wrote is Markdown that reads as it was written."""

from __future__ import annotations

import pytest
from desk_pages import read

from calmscore.dashboard.plain_text import plain


@pytest.mark.parametrize(
    "text",
    [
        "Ann Smith", "ada@example.com", "https://example.com/a?b=c", "www.example.com",
        ":red[late]", "$5 and $6", ":material/home:", ":streamlit: :smile:", "a -> b <- c -- d",
        "*a* _b_ `c` [d](e) <b>f</b> &amp;", "12:30",
    ],
)  # fmt: skip
def test_what_is_read_is_what_was_written(text):
    assert read(plain(text)) == text


@pytest.mark.parametrize(
    "text", ["ada@example.com", "https://a.b", "www.a.b", ":material/home:", "a -> b"]
)
def test_what_would_be_found_in_spite_of_escapes_is_parted(text):
    assert ":color[" in plain(text)


def test_an_ordinary_name_is_left_alone():
    assert plain("Ann  Smith\n") == "Ann Smith"
