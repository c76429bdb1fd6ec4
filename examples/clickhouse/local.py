"""ClickHouse without a server: answers its HTTP interface from chDB, the same engine in a process.

    python3 -m pip install chdb-core
    python3 local.py --data clickhouse-data        # then http://127.0.0.1:8123/

For a laptop and for tests: one query at a time, no users, no settings in the address.
"""

import argparse
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session


class Handler(BaseHTTPRequestHandler):
    session: Session

    def do_POST(self) -> None:
        address = dict(parse_qsl(urlsplit(self.path).query))
        length = int(self.headers.get("Content-Length", 0))
        sent = self.rfile.read(length)
        if len(sent) < length:
            return  # The client is gone; half of an insert must not be executed.
        body = sent.decode()
        # As in ClickHouse: the query of the address, if there is one, comes before the body.
        query = "\n".join(part for part in (address.get("query"), body) if part)
        parameters = {
            name.removeprefix("param_"): value
            for name, value in address.items()
            if name.startswith("param_")
        }
        output = address.get("default_format", "TabSeparated")
        try:
            answer = self.session.query(query, output, params=parameters or None)
            self.respond(200, answer.bytes() or b"")
        except Exception as error:  # chDB has no narrower type for a failed query.
            self.respond(400, f"{error}\n".encode())

    def respond(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Prints no line for each request."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", default="clickhouse-data", help="folder of the tables")
    options.add_argument("--port", type=int, default=8123, help="0 for a free one")
    chosen = options.parse_args()
    Handler.session = Session(chosen.data)
    server = HTTPServer(("127.0.0.1", chosen.port), Handler)
    print(f"ClickHouse's HTTP interface: http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
