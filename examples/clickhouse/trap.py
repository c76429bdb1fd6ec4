"""Shows when running sums of an incremental view are wrong, and that a fold over FINAL is not.

    python3 trap.py log.jsonl

Takes the first 500 events. Works in a database of its own, cartlog_trap, and removes it at the end.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from load import CLOSING_LINE, HERE, ClickHouse, Failed, row_of_export

DATABASE = "cartlog_trap"
EVENTS = 500
Rows = list[dict]


def statements(name: str) -> Iterator[str]:
    text = (HERE / name).read_text().replace("cartlog.", f"{DATABASE}.")
    text = text.replace("DATABASE IF NOT EXISTS cartlog", f"DATABASE {DATABASE}")
    return (statement for statement in text.split(";\n") if statement.strip())


def in_blocks(rows: Rows, size: int) -> list[Rows]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def once(rows: Rows) -> list[Rows]:
    return in_blocks(rows, 100)


def retried(rows: Rows) -> list[Rows]:
    """The third block arrived, but its answer did not: it is sent again."""
    blocks = once(rows)
    return blocks[:3] + blocks[2:]


def resumed(rows: Rows) -> list[Rows]:
    """The loader stopped after the third block, and goes on at 250 in blocks of another size."""
    return once(rows)[:3] + in_blocks(rows[250:], 70)


# How blocks arrive, and which of the two tables drop a block that they have seen already.
SCENES = [
    ("each block arrives once", once, []),
    ("a block is retried; no table deduplicates", retried, []),
    ("a block is retried; events deduplicates", retried, ["events"]),
    ("a block is retried; both deduplicate", retried, ["events", "cart_sums"]),
    ("a resume has other bounds; both deduplicate", resumed, ["events", "cart_sums"]),
]


def play(clickhouse: ClickHouse, blocks: list[Rows], deduplicating: list[str]) -> list[int]:
    """The sum of all carts: by running sums, by the refreshed table, and by the fold."""
    clickhouse.query(f"DROP DATABASE IF EXISTS {DATABASE} SYNC")
    for name in ("schema.sql", "incremental.sql"):
        for statement in statements(name):
            clickhouse.query(statement)
    for table in deduplicating:
        setting = "non_replicated_deduplication_window = 1000"
        clickhouse.query(f"ALTER TABLE {DATABASE}.{table} MODIFY SETTING {setting}")
    for rows in blocks:
        lines = "\n".join(json.dumps(row) for row in rows)
        clickhouse.query(f"INSERT INTO {DATABASE}.events FORMAT JSONEachRow", lines.encode())
    clickhouse.query(f"SYSTEM REFRESH VIEW {DATABASE}.carts")
    clickhouse.query(f"SYSTEM WAIT VIEW {DATABASE}.carts")
    tables = ("cart_sums", "carts", "carts_now")
    sums = (f"SELECT sum(items_total) FROM {DATABASE}.{table}" for table in tables)
    return [int(clickhouse.query(query)) for query in sums]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("export", type=Path)
    options.add_argument("--clickhouse", default="http://127.0.0.1:8123", metavar="URL")
    chosen = options.parse_args()
    clickhouse = ClickHouse(chosen.clickhouse.rstrip("/"))
    with chosen.export.open() as lines:
        events = [json.loads(line) for line in islice(lines, EVENTS)]
    rows = [row_of_export(event) for event in events if event["type"] != CLOSING_LINE]
    if len(rows) < EVENTS:
        sys.exit(f"trap.py failed: the export must have {EVENTS} events; simulate some shoppers")
    right = sum(
        (1 if row["type"] == "ItemAdded" else -1) * data["quantity"] * data["unit_price"]
        for row in rows
        if row["type"] in ("ItemAdded", "ItemRemoved")
        for data in [json.loads(row["data"])]
    )
    print(f"{'all carts together':<45}{'cart_sums':>12}{'carts':>12}{'carts_now':>12}")
    try:
        for title, arrive, deduplicating in SCENES:
            sums = play(clickhouse, arrive(rows), deduplicating)
            marked = [f"{found}{'' if found == right else ' !'}" for found in sums]
            print(f"{title:<45}" + "".join(f"{mark:>12}" for mark in marked), flush=True)
        clickhouse.query(f"DROP DATABASE {DATABASE} SYNC")
    except Failed as failed:
        sys.exit(f"trap.py failed: {failed}")
    print(f"{'counted in Python':<45}{right:>12}\n! is wrong")


if __name__ == "__main__":
    main()
