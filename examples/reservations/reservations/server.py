"""The book over HTTP."""

import json
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from reservations.book import Book, Refused, Reservation


class Handler(BaseHTTPRequestHandler):
    """One request; the server carries the book and its lock."""

    server: "BookServer"

    def answer(self, status: int, body: object) -> None:
        """JSON with its length."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        """Health and what is booked."""
        if self.path == "/healthz":
            self.answer(200, {"status": "ok"})
        elif self.path == "/reservations":
            with self.server.lock:
                self.answer(200, [entry.as_json() for entry in self.server.book.entries])
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self) -> None:
        """Books a table."""
        if self.path != "/reservations":
            self.answer(404, {"error": "not found"})
            return
        try:
            told = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
            start = datetime.fromisoformat(told["start"])
            wanted = Reservation(int(told["table"]), int(told["guests"]), start, int(told["hours"]))
            with self.server.lock:
                self.answer(201, self.server.book.reserve(wanted).as_json())
        except Refused as error:
            self.answer(409, {"error": str(error)})
        except (KeyError, TypeError, ValueError) as error:
            self.answer(400, {"error": f"malformed: {error}"})

    def log_message(self, *_: object) -> None:
        """Quiet."""


class BookServer(ThreadingHTTPServer):
    """Serves one book on loopback; port 0 takes a free one."""

    def __init__(self, port: int, book: Book) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.book = book
        self.lock = Lock()


def serve(port: int) -> None:
    """Until it is interrupted."""
    BookServer(port, Book()).serve_forever()
