"""What `bench.growth` counts sees a scan, and its pictures show it."""

from __future__ import annotations

import sqlite3

from bench.growth.command import rows_of, said_of
from bench.growth.counting import counted, counting
from bench.growth.pictures import chart_of, svg_of


def _look(connection: sqlite3.Connection, statement: str) -> float:
    with counted() as took:
        connection.execute(statement).fetchone()
    return sum(took)


def test_a_scan_of_more_rows_is_seen_and_a_look_up_is_not() -> None:
    """A statement is one statement however many rows it reads; steps tell."""
    with counting():
        connection = sqlite3.connect(":memory:")
        connection.execute("create table kept (id integer primary key, word text)")
        scans, looks = [], []
        for low, high in ((0, 100), (100, 10_000)):
            rows = [(number, "word") for number in range(low, high)]
            connection.executemany("insert into kept values (?, ?)", rows)
            scans.append(_look(connection, "select count(*) from kept where word = 'other'"))
            looks.append(_look(connection, f"select word from kept where id = {high - 1}"))
        connection.close()
    assert scans[1] > 20 * scans[0]
    assert looks[1] < 2 * max(looks[0], 0.1)


def test_what_grows_as_how_many_there_are_is_not_ok_and_drawn_rising() -> None:
    """The last step decides, since a page of ten is no full page."""
    flat, linear = (1.0, 1.0), {10: 0.1, 1_000: 1.0, 100_000: 100.0}
    fine = {size: {"an action": flat} for size in linear}
    found = {size: {"an action": flat, "a page": (value, 0.0)} for size, value in linear.items()}
    assert rows_of("waiting", fine)[1]
    rows, ok = rows_of("waiting", found)
    assert not ok
    assert {row.case.rpartition(": ")[2] for row in rows if row.unit == "power"} == {
        "flat",
        "linear",
    }
    assert said_of(0.1) == "about as its logarithm"
    chart = chart_of("waiting", tuple(linear), found)
    heights = [dot.y for dot in chart.dots if dot.said.startswith("a page")]
    assert heights == sorted(heights, reverse=True)
    assert svg_of(chart).count("<circle") == 2 * 3 + 2
