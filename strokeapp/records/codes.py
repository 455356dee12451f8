"""Make access codes that are shown once and kept only as hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 letters; 0, 1, I and O are left out since they are misread."""
BLOCK, BLOCKS = 5, 4
"""The first block names the row, 25 bits; the other three are the secret, 75 bits."""
_SCRYPT = {"n": 2**13, "r": 8, "p": 1}


@dataclass(frozen=True, slots=True)
class NewCode:
    """Hold a fresh code.

    Args:
        text: To show once, e.g. ``7K2QF-…``.
        public: First block; may be stored.
        salt, hash: To be stored.
    """

    text: str
    public: str
    salt: bytes
    hash: bytes


def new_code() -> NewCode:
    """Draw a code from the system's random source."""
    blocks = ["".join(secrets.choice(ALPHABET) for _ in range(BLOCK)) for _ in range(BLOCKS)]
    salt = secrets.token_bytes(16)
    return NewCode("-".join(blocks), blocks[0], salt, _hash("".join(blocks[1:]), salt))


def split_code(text: str) -> tuple[str, str] | None:
    """Return the public and the secret part of what somebody typed, or None where it cannot be a code."""
    letters = "".join(letter for letter in text.upper() if letter.isalnum())
    if len(letters) != BLOCK * BLOCKS or not set(letters) <= set(ALPHABET):
        return None
    return letters[:BLOCK], letters[BLOCK:]


def matches(secret: str, salt: bytes, expected: bytes) -> bool:
    """Tell whether a secret is the one that was hashed (scrypt, RFC 7914), in constant time."""
    return hmac.compare_digest(_hash(secret, salt), expected)


def _hash(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, dklen=32, **_SCRYPT)
