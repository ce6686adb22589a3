"""Tables on terminals of any width: bars give way, then columns, then words; figures stay whole."""

import random

import pytest

from microgpt.tools.terminal import console
from microgpt.tools.text.table import table_lines

HEADINGS = ("kind", "forward", "backward", "all", "%", "")
ROWS = (
    ("multiplication", "1,234,567", "2,345,678", "3,580,245", "97.5", "█" * 20),
    ("of a fold over heads", "7", "", "7", "2.5", "█"),
    ("(input)", "", "", "424", "", ""),
)


def lines(width: int | None, left: int = 1, bars: bool = True) -> list[str]:
    return [line for line, _ in table_lines(HEADINGS, ROWS, left, bars, width)]


def figures() -> list[str]:
    return [cell for row in ROWS for cell in row[1:-1] if cell]


def test_as_wide_as_it_is():
    assert lines(None) == lines(200)
    assert lines(None) == [
        "kind                   forward  backward       all    %",
        "-------------------- --------- --------- --------- ---- --------------------",
        "multiplication       1,234,567 2,345,678 3,580,245 97.5 ████████████████████",
        "of a fold over heads         7                   7  2.5 █",
        "(input)                                        424",
    ]


@pytest.mark.parametrize("width", range(20, 81))
def test_everything_fits_and_no_figure_is_cut(width: int):
    shown = lines(width)
    assert max(map(len, shown)) <= width
    words = " ".join(shown).split()
    assert sorted(figures()) == sorted(word for word in words if word in figures())
    for kind in ("multiplication", "of a fold over heads"):
        assert set(kind.split()) <= set(words) or width < len("multiplication 1,234,567")


def test_bars_shrink_and_then_go_before_anything_else_does():
    whole = lines(None)
    width = len(whole[2])
    shrunk = lines(width - 10)
    assert [line[:56] for line in shrunk] == [line[:56] for line in whole]
    assert [line.count("█") for line in shrunk] == [0, 0, 10, 1, 0]
    gone = lines(width - 16)
    assert [line.rstrip() for line in gone] == [line[:56].rstrip("█ ") for line in whole]


def test_columns_that_do_not_fit_come_below_with_their_rows():
    assert lines(40)[:7] == [
        "kind                   forward  backward",
        "-------------------- --------- ---------",
        "multiplication       1,234,567 2,345,678",
        "of a fold over heads         7",
        "(input)",
        "",
        "kind                       all    %",
    ]


def test_words_take_lines_of_their_own():
    assert lines(24)[:6] == [
        "kind             forward",
        "-------------- ---------",
        "multiplication 1,234,567",
        "of a fold over",
        "  heads                7",
        "(input)",
    ]


def test_letters_that_are_two_columns_wide():
    made = [line for line, _ in table_lines(("name", "loss"), (("東京", "1.5"), ("anna", "2.25")), 1)]
    assert made[2:] == ["東京  1.5", "anna 2.25"]


def test_any_table_fits_where_its_widest_figure_does():
    rng = random.Random(0)
    for _ in range(300):
        columns, left, bars = rng.randint(2, 7), rng.randint(0, 2), rng.random() < 0.5
        left = min(left, columns - 1)
        headings = [rng.choice(("a", "differentiate", "remove_dead", "us a step")) for _ in range(columns)]
        rows = [
            [
                "word " * rng.randint(1, 6) if place < left
                else "#" * rng.randint(0, 20) if bars and place == columns - 1
                else f"{10 ** rng.randint(0, 8):,}"
                for place in range(columns)
            ]
            for _ in range(3)
        ]  # fmt: skip
        width = rng.randint(40, 100)
        shown = [line for line, _ in table_lines(headings, rows, left, bars, width)]
        assert max(map(len, shown)) <= width
        last = columns - bars
        # The columns that hold words stand before every part, and without any, the first does.
        for row in rows:
            for cell in row[max(left, 1) : last]:
                assert cell in " ".join(shown).split()


def test_what_is_printed_in_a_pipe_does_not_depend_on_a_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", "30")
    console.print_table("title", HEADINGS, ROWS, left=1, bars=True)
    assert capsys.readouterr().out.splitlines() == ["title", *lines(None)]


def test_sentences_are_broken_between_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("COLUMNS", "20")
    console.echo_wrapped("all 1,234,567 numbers are equal, bit by bit")
    assert capsys.readouterr().out == "all 1,234,567 numbers are equal, bit by bit\n"
    monkeypatch.setattr(console.sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    console.echo_wrapped("all 1,234,567 numbers are equal, bit by bit", indent=" ")
    assert capsys.readouterr().out == "all 1,234,567\n numbers are equal,\n bit by bit\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.1 ms"),
        (0.0004, "0.4 ms"),
        (0.0219, "22 ms"),
        (0.0996, "0.10 s"),
        (0.994, "0.99 s"),
        (0.996, "1.0 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (7260, "2 h 1 min"),
    ],
)
def test_times_for_people(seconds: float, text: str):
    assert console.seconds_text(seconds) == text
