"""Telephone numbers in texts: international ones, and the national forms that look like nothing else.

Each run of digits with the usual signs between them is looked at once, as a whole, so that time is linear. A library of
all numbering plans (phonenumbers) would have to be told the country that a text comes from, which nobody knows here: so
the form decides, and a word such as "call" before digits that could be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from models.texts.checked_numbers import Span

_GAP = r"[ \u00a0\u202f.\-\u2010\u2011\u2013/()]"
_RUN = re.compile(rf"(?<![\w$€£¥#@=*])\(?(?:\+[ (]{{0,2}})?[0-9](?:{_GAP}{{0,3}}+[0-9])*+")
_NEXT = re.compile(rf"(?<=[0-9]){_GAP}{{1,3}}(?=\(?0[1-9]|00[1-9])")
_FEWEST = 6
"""Digits of any number."""
_SHORTEST = 8
"""Digits of one of two numbers that stand beside each other."""
_BOUND_BEFORE = re.compile(r"\S[.,/_&?-]$")
_BOUND_AFTER = re.compile(r"[\w%€$£°]|[.,:][0-9]|[-/]\w|\s?(?:€|EUR\b|USD\b)")

_INTERNATIONAL = re.compile(r"\(?(?:\+|00)[ (]?[1-9].*")
_TRUNK = re.compile(r"\(?0[1-9].*")
_NATIONAL = re.compile(
    r"(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d([-. ]))\d{3}(?(1)\1|[-. ])\d{4}"  # North America
    r"|\((?!19|20)\d{2,5}\) ?\d{3,5}[- ]?\d{3,5}"  # an area in parentheses
    r"|1[3-9]\d[- ]\d{4}[- ]\d{4}"  # mobile, China
    r"|[6-9]\d{4}[- ]\d{5}"  # mobile, India
    r"|8[- ]?\(?\d{3}\)?[- ]\d{3}[- ]\d{2}[- ]\d{2}"  # Russia
)
_DATE = re.compile(r"(?:\d{1,2}([-./])\d{1,2}\1(?:19|20)\d\d|(?:19|20)\d\d([-./])\d{1,2}\2\d{1,2})(?!\d)")
_PAIRS = re.compile(rf"\d\d(?:{_GAP}\d\d)+")
_ROUND = "000000"

_LOOKED_BACK = 40
_CUE = re.compile(
    r"\b(?:tel|phone|telephone|telefon|telefonnummer|mobile?|cell|cellphone|handy|handynummer|whatsapp|fax|sms"
    r"|call|text|ring|dial|(?:my|our|his|her|their) number|meine nummer)\b"
    r"(?:[\s.:=#-]|\b(?:me|us|him|her|them|at|on|under|is|no|nr|number|nummer|unter|ist)\b){1,12}$",
    re.IGNORECASE,
)


def telephone_numbers(text: str) -> Iterator[Span]:
    """Yield where a telephone number stands; prices, dates, years and numbers of versions are none."""
    for run in _RUN.finditer(text):
        if _digits(run[0]) < _FEWEST or _BOUND_AFTER.match(text, run.end()):
            continue
        before = text[max(0, run.start() - _LOOKED_BACK) : run.start()]
        cued = _CUE.search(before) is not None
        if not cued and _BOUND_BEFORE.search(before):
            continue
        for start, end in _numbers(run[0]):
            if _is_one(run[0][start:end], cued):
                yield run.start() + start, run.start() + end


def _numbers(run: str) -> Iterator[Span]:
    """Yield the parts of a run that are each a number of its own: after a whole one, 0 begins the next."""
    upto = list(accumulate(map(str.isdigit, run), initial=0))
    start = 0
    for found in _NEXT.finditer(run):
        if min(upto[found.start()] - upto[start], upto[-1] - upto[found.end()]) >= _SHORTEST:
            yield _without_lone_bracket(run, start, found.start())
            start = found.end()
    yield _without_lone_bracket(run, start, len(run))


def _without_lone_bracket(run: str, start: int, end: int) -> Span:
    return start + (run[start] == "(" and run.count("(", start, end) > run.count(")", start, end)), end


def _is_one(number: str, cued: bool) -> bool:
    count = _digits(number)
    if re.sub(r"\D", "", number).endswith(_ROUND) or _DATE.match(number):
        return False
    if _INTERNATIONAL.fullmatch(number):
        return _SHORTEST <= count - 2 * number.startswith(("00", "(00")) <= 15
    if _TRUNK.fullmatch(number):
        least = 10 if number.isdigit() else 9
        return least <= count <= 12 and (count == 10 or not _PAIRS.fullmatch(number))
    return _NATIONAL.fullmatch(number) is not None or (cued and _FEWEST <= count <= 15)


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))
