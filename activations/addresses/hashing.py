"""Addresses and numbers as ad platforms want them hashed: each in its own way, so that one hash cannot serve two."""

import hashlib
import re

PLATFORMS = ("meta", "google", "snap")
_GOOGLE_MAIL = ("gmail.com", "googlemail.com")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def hashed_email(email: str | None, platform: str) -> str | None:
    """SHA-256 of an e-mail address in lower case, as hexadecimal digits; None of what is no address."""
    plain = (email or "").strip().lower()
    if not _EMAIL.fullmatch(plain):
        return None
    if platform == "google":
        name, _, domain = plain.partition("@")
        plain = f"{name.replace('.', '') if domain in _GOOGLE_MAIL else name}@{domain}"
    return _digest(plain)


def hashed_phone(phone: str | None, platform: str) -> str | None:
    """SHA-256 of an international number, as hexadecimal digits; None of what has no digits."""
    digits = re.sub(r"\D", "", phone or "").lstrip("0")
    if not digits:
        return None
    return _digest(f"+{digits}" if platform == "google" else digits)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
