"""Personal details: what is found, what is none, and that no text takes long or breaks anything."""

from __future__ import annotations

import random
import string
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.texts.personal_details import KINDS, masked, masked_value

FOUND = [
    ("write to ada@example.org, please", "write to [email], please"),
    ("<Ada.Byron+news@mail.example.co.uk>", "<[email]>"),
    ("mailto:ada@example.org.", "mailto:[email]."),
    ("ada [at] example [dot] org", "[email]"),
    ("ada (at) example.org", "[email]"),
    ("jürgen@müller.de or 王@例え.jp", "[email] or [email]"),
    ("ask @ada_byron or @ada.byron!", "ask [handle] or [handle]!"),
    ("@Ada: you fool", "[handle]: you fool"),
    ("follow @ada@social.example now", "follow [handle] now"),
    ("by u/ada_99 and /u/bob-1", "by [handle] and [handle]"),
    ("see https://www.instagram.com/ada.byron/?hl=en.", "see [handle]."),
    ("https://x.com/ada/status/12345 and t.me/ada", "[handle] and [handle]"),
    ("linkedin.com/in/ada-byron-1815, github.com/ada", "[handle], [handle]"),
    ("https://www.youtube.com/@ada and tiktok.com/@ada", "[handle] and [handle]"),
    ("IBAN DE89 3704 0044 0532 0130 00 THANKS", "IBAN [iban] THANKS"),
    ("gb29nwbk60161331926819", "[iban]"),
    ("pay with 4111 1111 1111 1111 or 378282246310005", "pay with [card] or [card]"),
    ("5555-5555-5555-4444", "[card]"),
    ("3056 930902 5904 and 6011 1111 1111 1117", "[card] and [card]"),
    ("8.8.8.8 it was, then", "[ip] it was, then"),
    ("version 2 of it runs on the server 8.8.8.8", "version 2 of it runs on the server [ip]"),
    ("from 8.8.8.8:53 and 2001:4860:4860::8888.", "from [ip]:53 and [ip]."),
]
TELEPHONES = [
    "+49 30 1234567", "+49 (0)30 1234567", "+1 (415) 555-2671", "+442079460958", "0049 30 1234567", "+33 6 12 34 56 78",
    "+55 11 91234-5678", "+91 98765 43210", "+86 138 1234 5678",
    "030 1234567", "(030) 123 45 67", "030-1234567", "0170/1234567", "0170 / 1234567", "01701234567", "030 – 1234567",
    "06 12 34 56 78", "06.12.34.56.78", "020 7946 0958", "(020) 7946 0958", "07700 900123", "0412 345 678",
    "06-12345678", "044 668 18 00", "090-1234-5678",
    "(415) 555-2671", "415-555-2671", "415.555.2671", "1-800-555-0199", "(11) 91234-5678", "138 1234 5678",
    "98765 43210", "8 (495) 123-45-67", "8-800-555-35-35",
]  # fmt: skip
FEWEST = ["+49 301 234", "0049 301 234", "030 123456"]
MOST = ["+491234567890123", "00491234567890123", "(0049) 1234567890123", "0171 2345 6789"]
CUED = [
    "call me at 5551234", "tel. 612 345 678", "Phone: 5551234567", "whatsapp 13812345678", "my number is 555-1234",
    "call 555123", "call 123456789012345",
]  # fmt: skip
NONE = [
    "$1,234,567.89 or 1.234.567,89 € or EUR 12 345 678",
    "costs 0301234567 EUR, 0301234567€ or $415-555-2671",
    "on 01.02.2003, 2003-02-01 or 01/02/2003 at 10:30:45",
    "2024-01-02T03:04:05 and 20240102 030405",
    "from 1990-2000, 2019–2020 and pages 100-1200",
    "01.02.2003 10:30 to 02.02.2003 11:30",
    "version 10.15.7.1, v1.2.3.4, 2.11.0 and release 8.8.4.4",
    "192.168.1.10, 10.0.0.1, 127.0.0.1, 300.1.1.1",
    "08 12 15 16 23 42",
    "ISBN 978-3-16-148410-0 and 0-306-40615-2",
    "3.14159265358979, 0.123456789 and 48.137154, 11.576124",
    "1700000000 seconds, 123456789, +1000000, +10 000 000 users",
    "room 101, 50% of 100, 1/2, 7-8, 24/7, 911 and 112",
    "call 55512, call 1234567890123456",
    "+49 301 23, 0049 301 23, 030 12345, 030123456",
    "+4912345678901234, 004912345678901234, 0171 2345 67890",
    "DE89370400440532013000A, DE89370400440532013000AB",
    "order-0301234567, item #0301234567, x=0301234567",
    "call 20 people in 2024, text 12",
    "my number is 1000000",
    "4111 1111 1111 1112 and 1234 5678 9012 3456",
    "IS20 PEOPLE ARE HERE NOW",
    "you @ss, @sshole, @rsehole, f@ck you, d@mn, @nd @ll",
    "@user said so, @ 5pm, 3 @ 5, a @ b",
    "ada@localhost, a@b.c, @, @@, @1234",
    "https://x.com/search?q=a, netflix.com/title, github.com/python/cpython, facebook.com/groups/x",
    "std::vector, abc::def, 10:30:45, and/or, he/she, http://example.org/a",
    "I was at home. Then I left",
    "",
]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_a_detail_is_masked_and_the_rest_stays(text: str, expected: str) -> None:
    assert masked(text)[0] == expected


@pytest.mark.parametrize("number", TELEPHONES)
@pytest.mark.parametrize("around", ["{}", "ring {}, or not.", "({})", "Tel.: {}", "a {} b\n{}"])
def test_a_telephone_number_is_masked_as_a_whole(number: str, around: str) -> None:
    assert masked(around.replace("{}", number))[0] == around.replace("{}", "[phone]")


@pytest.mark.parametrize("number", [*FEWEST, *MOST])
def test_the_shortest_and_the_longest_numbers_that_there_are_are_masked(number: str) -> None:
    assert masked(f"it is {number} here")[0] == "it is [phone] here"


@pytest.mark.parametrize("before", ["room 12", "order-0301234567", "2024-05-01", "5 €", "costs 0301234567€"])
def test_a_number_is_found_whatever_other_digits_stand_before_it(before: str) -> None:
    assert masked(f"{before}, then 030 1234567")[0] == f"{before}, then [phone]"


@pytest.mark.parametrize("text", CUED)
def test_digits_that_could_be_anything_are_a_telephone_number_after_a_word_that_says_so(text: str) -> None:
    assert masked(text)[0].endswith(" [phone]")
    assert masked(text.split(maxsplit=1)[0].replace("tel.", "of") + "s 5551234")[1] == {}


def test_numbers_beside_each_other_are_each_masked() -> None:
    assert masked("030 1234567 / 0171 7654321")[0] == "[phone] / [phone]"
    assert masked("2024-05-01 030 1234567")[0] == "2024-05-01 [phone]"
    assert masked("+49 301 234 0171 7654321")[0] == "[phone] [phone]", "eight digits are a number"
    text, kinds = masked("+49 30 1234567, 415-555-2671; a@b.org a@b.org")
    assert (text, kinds) == ("[phone], [phone]; [email] [email]", {"phone": 2, "email": 2})


@pytest.mark.parametrize("text", NONE)
def test_what_only_resembles_a_detail_stays(text: str) -> None:
    assert masked(text) == (text, {})


def test_metadata_are_masked_in_values_names_and_whole_numbers() -> None:
    told = {
        "from": "ada@example.org",
        "ids": [4111111111111111, 5, True, None, 0.5],
        "a@b.org": {"x": "y"},
        "b@b.org": 1,
    }
    made, kinds = masked_value(told)
    expected: dict[str, Any] = {"from": "[email]", "ids": ["[card]", 5, True, None, 0.5], "[email]": {"x": "y"}}
    assert made == expected | {"[email] 2": 1}
    assert kinds == {"email": 3, "card": 1}
    assert masked_value({"language": "en", "n": 7}) == ({"language": "en", "n": 7}, {})


SIGNS = st.text(st.sampled_from("0123456789 +-./()@:abAZ_#,€\n[]u"), max_size=80)


@given(st.text(max_size=200) | SIGNS)
def test_any_text_can_be_masked_and_nothing_is_left_to_mask(text: str) -> None:
    once, kinds = masked(text)
    assert masked(once) == (once, {})
    assert (once == text) == (not kinds)
    assert set(kinds) <= set(KINDS)


PIECES = ["a", "1", "1 ", "01 ", "a@", "@a", "a.", "a@a.", "+1", "(", "1.", "1:", "2001:", "u/", "x.com/a", "4111 "]


@pytest.mark.parametrize("piece", [*PIECES, "DE89 ", "call "])
def test_no_text_takes_time_beyond_its_length(piece: str) -> None:
    seconds = []
    for size in (20_000, 160_000):
        text = (piece * size)[:size]
        began = time.process_time()
        masked(text)
        seconds.append(time.process_time() - began)
    assert seconds[1] < 40 * max(seconds[0], 0.02), "eight times the text, not sixty-four times the time"


def test_a_hundred_thousand_texts_take_seconds() -> None:
    rng = random.Random(1)
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9))) for _ in range(500)]
    details = ["ada@example.org", "+49 30 1234567", "@ada", "in 2024", "costs 5 €", "8.8.8.8"]
    texts = [" ".join([*rng.choices(words, k=12), rng.choice(details) if n % 4 == 0 else ""]) for n in range(10_000)]
    began = time.process_time()
    found = sum(bool(masked(text)[1]) for text in texts)
    assert time.process_time() - began < 1.5, "a tenth of them, on a slow machine"
    assert 1_000 < found < 2_500
