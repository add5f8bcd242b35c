import json
import threading
import unittest
from datetime import datetime
from urllib.request import Request, urlopen

from reservations.book import Book, Refused, Reservation
from reservations.server import BookServer


def party(table=1, guests=2, hour=19, hours=2):
    return Reservation(table, guests, datetime(2026, 5, 1, hour), hours)


class BookTest(unittest.TestCase):
    def test_a_free_table_is_booked(self):
        book = Book()
        book.reserve(party())
        self.assertEqual([entry.table for entry in book.entries], [1])

    def test_what_cannot_be_is_refused_with_its_reason(self):
        book = Book([party()])
        for wanted, reason in (
            (party(hour=20), "taken until 21:00"),
            (party(table=9), "no table 9"),
            (party(guests=3), "seats 2"),
            (party(hour=9), "open from"),
            (party(hour=22), "open from"),
        ):
            with self.assertRaisesRegex(Refused, reason):
                book.reserve(wanted)

    def test_one_party_may_follow_another(self):
        book = Book([party(hour=17)])
        book.reserve(party(hour=19))
        self.assertEqual(len(book.entries), 2)

    def test_it_is_served(self):
        server = BookServer(0, Book())
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/reservations"
        body = {"table": 1, "guests": 2, "start": "2026-05-01T19:00", "hours": 2}
        with urlopen(Request(url, json.dumps(body).encode(), method="POST")) as answer:
            self.assertEqual(answer.status, 201)
        server.shutdown()
        server.server_close()
