"""The HTML page of a study."""

from __future__ import annotations

import html.parser

from agentsim.studies import pages


class Reader(html.parser.HTMLParser):
    """What a page's tags are and point to, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.pointers: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.pointers += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_is_one_file_and_escapes_what_it_shows() -> None:
    evil = "<script>alert('&')</script>"
    about = {"machine": {"cpu": evil}, "versions": {"python": "3"}, "command": f"agentsim {evil}", "interrupted": True}
    about["failed"] = [{"row": evil, "seed": 3, "why": evil}]
    text = pages.page(evil, about, b"picture", [(evil, [evil, "b"], [["c", evil]])], [(evil, ["d"], [[evil]])])
    reader = Reader()
    reader.feed(text)
    assert reader.text.count(evil) == 11  # head, heading, command, failure (2), section (3), details (2), machine
    assert not reader.tags & {"script", "link", "iframe", "object", "base", "form"}
    assert reader.pointers == ["data:image/png;base64,cGljdHVyZQ=="]
    assert "http" not in text and "url(" not in text and "@import" not in text
