"""Numbers that tell by themselves whether they are real: bank accounts (IBAN), payment cards, internet addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

Span = tuple[int, int]
"""Where something begins and ends in a text."""

# ISO 13616: how many characters an IBAN of each country has.
_LENGTHS = {
    length: countries.split()
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
}
_LENGTH_OF = {country: length for length, countries in _LENGTHS.items() for country in countries}
_IBAN = re.compile(r"(?<![^\W_])([A-Za-z]{2})[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,29}")
_CARD = re.compile(r"(?<![\w.-])[2-6][0-9]{3}(?:[ -]?[0-9]){9,15}(?![\w-])(?!\.[0-9])")
# The ranges and lengths of American Express, Visa, Mastercard, Discover and Diners Club.
_ISSUED = re.compile(
    r"3[47]\d{13}|4\d{12}(?:\d{3}){0,2}|(?:5[1-5]|2[2-7])\d{14}|6(?:011|4[4-9]\d|5\d\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}"
)
_IPV4 = re.compile(r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\w|\.\w)")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")
_OF_A_VERSION = re.compile(r"\b(?:v|ver|vers|version|release|build|firmware|driver|update)[\s.:=]*$", re.IGNORECASE)
_LOOKED_BACK = 20


def ibans(text: str) -> Iterator[Span]:
    """Yield where an IBAN of the length of its country stands whose check digits are right (ISO 7064, mod 97)."""
    for found in _IBAN.finditer(text):
        end = _end_of(found[0], _LENGTH_OF.get(found[1].upper(), 0))
        if end and not text[found.start() + end : found.start() + end + 1].isalnum():
            compact = re.sub(r"[ -]", "", found[0][:end]).upper()
            if int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1:
                yield found.start(), found.start() + end


def cards(text: str) -> Iterator[Span]:
    """Yield where a number of a card that is issued stands whose check digit is right (Luhn)."""
    for found in _CARD.finditer(text):
        digits = re.sub(r"[ -]", "", found[0])
        if _ISSUED.fullmatch(digits) and _luhn(digits):
            yield found.span()


def ip_addresses(text: str) -> Iterator[Span]:
    """Yield where an address of the public internet stands; private networks and numbers of versions are none."""
    for found in _IPV4.finditer(text):
        before = text[max(0, found.start() - _LOOKED_BACK) : found.start()]
        if _is_public(found[0]) and not _OF_A_VERSION.search(before):
            yield found.span()
    for found in _IPV6.finditer(text):
        if _is_public(found[0]):
            yield found.span()


def _end_of(found: str, length: int) -> int:
    """Return the end of the first so many letters and digits, 0 if there are fewer or none are wanted."""
    for place, sign in enumerate(found, 1):
        length -= sign.isalnum()
        if not length:
            return place
    return 0


def _luhn(digits: str) -> bool:
    doubled = [int(sign) * (1 + place % 2) for place, sign in enumerate(reversed(digits))]
    return sum(number - 9 * (number > 9) for number in doubled) % 10 == 0


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False
