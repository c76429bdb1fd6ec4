"""Loads cartlog's events into ClickHouse: those of an export, or all of a running service.

    cartlog export | python3 load.py
    python3 load.py --follow http://127.0.0.1:8080

Stop it at any moment and start it again: it goes on after the newest event that ClickHouse has. An
insert without an answer is sent again, and the tables of schema.sql take an event that comes twice.

CLICKHOUSE_USER and CLICKHOUSE_PASSWORD are for ClickHouse, CARTLOG_OPERATOR_TOKEN is for cartlog.
"""

import argparse
import json
import os
import queue
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

HERE = Path(__file__).parent
CLOSING_LINE = "cartlog.export.completed.v1"
RETRY_SECONDS = 1.0
# The service sends a comment every 15 seconds.
SILENCE_SECONDS = 60.0


class Failed(Exception):
    """What failed, and what to do about it."""


class ClickHouse:
    """The HTTP interface of ClickHouse."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.headers = {"X-ClickHouse-User": os.environ.get("CLICKHOUSE_USER", "default")}
        if password := os.environ.get("CLICKHOUSE_PASSWORD"):
            self.headers["X-ClickHouse-Key"] = password

    def query(self, text: str, data: bytes = b"") -> str:
        """The answer to `text`, an INSERT of `data` if that is not empty.

        Repeated until ClickHouse answers: without an answer, the first one may have arrived or not.
        """
        address, body = self.url, text.encode()
        if data:
            address, body = f"{self.url}/?query={quote(text)}", data
        request = urllib.request.Request(address, body, self.headers)
        while True:
            try:
                with urllib.request.urlopen(request, timeout=SILENCE_SECONDS) as response:
                    return response.read().decode()
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise Failed(f"ClickHouse refused a query: {error.read().decode()}") from None
                note(f"ClickHouse is not available: {error}; trying again")
            except OSError as error:
                note(f"ClickHouse did not answer: {error}; trying again")
            time.sleep(RETRY_SECONDS)

    def create(self, name: str) -> None:
        """Runs the statements of a file."""
        for statement in (HERE / name).read_text().split(";\n"):
            if statement.strip():
                self.query(statement)

    def newest(self) -> tuple[int, str]:
        """Position and hash of the newest event; 0 without any."""
        newest = "SELECT position, hash FROM cartlog.events ORDER BY position DESC LIMIT 1"
        position, _, found = self.query(newest).strip().partition("\t")
        return int(position or 0), found

    def insert(self, rows: list[dict]) -> None:
        lines = "\n".join(json.dumps(row) for row in rows)
        self.query("INSERT INTO cartlog.events FORMAT JSONEachRow", lines.encode())
        note(f"inserted {rows[0]['position']} to {rows[-1]['position']}")


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def row_of_export(event: dict) -> dict:
    """The row of a line of an export, which is a CloudEvent."""
    _, name, schema = event["type"].split(".")
    return {
        "position": int(event["logposition"]),
        "stream": event["subject"],
        "version": int(event["streamversion"]),
        "type": name,
        "schema": int(schema.removeprefix("v")),
        "recorded_at": clickhouse_time(event["time"]),
        "command": event["command"],
        "command_id": event["commandid"],
        "actor": event["actor"],
        "correlation_id": event["correlationid"],
        "hash": event["hash"],
        "data": compact(event["data"]),
    }


def row_of_stream(event: dict) -> dict:
    """The row of an event of the live stream."""
    return {
        "position": event["position"],
        "stream": event.get("order_id", event["cart_id"]),
        "version": event["version"],
        "type": event["type"],
        "schema": event["schema"],
        "recorded_at": clickhouse_time(event["recorded_at"]),
        "command": event["meta"]["command"],
        "command_id": event["meta"]["command_id"],
        "actor": event["meta"]["actor"],
        "correlation_id": event["meta"]["correlation_id"],
        "hash": event["hash"],
        "data": compact(event["data"]),
    }


def compact(data: dict) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def clickhouse_time(text: str) -> str:
    """A time of cartlog, which is in UTC, as ClickHouse reads it by default."""
    return text.replace("T", " ").removesuffix("Z")


def load(clickhouse: ClickHouse, lines: Iterable[str], block: int) -> None:
    """Loads the lines of an export that are newer than what ClickHouse has."""
    newest, known = clickhouse.newest()
    rows: list[dict] = []
    closed = False
    for line in lines:
        event = json.loads(line)
        if event["type"] == CLOSING_LINE:
            closed = True
            break
        row = row_of_export(event)
        if row["position"] == newest and row["hash"] != known:
            raise Failed(ANOTHER_HISTORY)
        if row["position"] > newest:
            rows.append(row)
        if len(rows) == block:
            clickhouse.insert(rows)
            rows = []
    if rows:
        clickhouse.insert(rows)
    if not closed:
        raise Failed("the export is cut off: it has no closing line; load it again from its start")


ANOTHER_HISTORY = (
    "the log is not the one in ClickHouse: it was restored from a backup, or it is another one; "
    "TRUNCATE TABLE cartlog.events, and load it again"
)


def events_of(shop: str, after: str) -> Iterator[dict]:
    """The events after the one with the id `after`, until the connection ends."""
    headers = {"Accept": "text/event-stream"}
    if token := os.environ.get("CARTLOG_OPERATOR_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{shop}/api/events?after={after}", headers=headers)
    with urllib.request.urlopen(request, timeout=SILENCE_SECONDS) as response:
        for line in response:
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))


def read_into(events: queue.Queue, shop: str, after: str) -> None:
    """Puts rows into `events`, and at the end the reason why there are no more."""
    try:
        for event in events_of(shop, after):
            events.put(row_of_stream(event))
        events.put(OSError("the stream has ended"))
    except Exception as error:  # The other thread raises it.
        events.put(error)


def follow(clickhouse: ClickHouse, shop: str, block: int, seconds: float) -> None:
    """Inserts events as they arrive, at most every `seconds`: ClickHouse prefers few inserts."""
    while True:
        position, known = clickhouse.newest()
        # An id with a hash: cartlog refuses it if its log has another event there.
        after = f"{position}-{known[:16]}" if position else "0"
        events: queue.Queue = queue.Queue(maxsize=block)
        reader = threading.Thread(target=read_into, args=(events, shop, after), daemon=True)
        reader.start()
        error = None
        while error is None:
            rows, error = next_block(events, block, seconds)
            if rows:
                clickhouse.insert(rows)
        if isinstance(error, urllib.error.HTTPError) and error.code not in (429, 503):
            problem = json.loads(error.read())
            if problem["type"].endswith("unknown-event-id"):
                raise Failed(ANOTHER_HISTORY)
            raise Failed(f"cartlog refused the stream: {problem['title']}")
        if not isinstance(error, OSError):
            raise error
        note(f"cartlog did not answer: {error}; trying again")
        time.sleep(RETRY_SECONDS)


def next_block(
    events: queue.Queue, block: int, seconds: float
) -> tuple[list[dict], Exception | None]:
    """Waits for an event, and takes those of the next `seconds`; the error that ended them."""
    rows: list[dict] = []
    item = events.get()
    end = time.monotonic() + seconds
    while not isinstance(item, Exception):
        rows.append(item)
        if len(rows) == block:
            return rows, None
        try:
            item = events.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return rows, None
    return rows, item


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("export", nargs="?", type=Path, help="without it: standard input")
    options.add_argument("--clickhouse", default="http://127.0.0.1:8123", metavar="URL")
    options.add_argument("--follow", metavar="URL", help="follow the cartlog at this address")
    options.add_argument("--block", type=int, default=10_000, help="events in an insert, at most")
    options.add_argument("--seconds", type=float, default=1.0, help="between inserts of --follow")
    chosen = options.parse_args()
    clickhouse = ClickHouse(chosen.clickhouse.rstrip("/"))
    try:
        clickhouse.create("schema.sql")
        if chosen.follow:
            follow(clickhouse, chosen.follow.rstrip("/"), chosen.block, chosen.seconds)
        elif chosen.export:
            with chosen.export.open() as lines:
                load(clickhouse, lines, chosen.block)
        else:
            load(clickhouse, sys.stdin, chosen.block)
    except Failed as failed:
        sys.exit(f"load.py failed: {failed}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
