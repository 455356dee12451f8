"""Damage bytes the ways that break parsers: flipped bits, wild lengths, cuts, copies, pieces of other files."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

HEADER_BYTES = 1500
"""Headers decide most: three quarters of the damage is done here."""
WILD = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF,
        2**63 - 1, 2**64 - 1)  # fmt: skip
LONGEST_PIECE = 600

Mutation = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def mutate(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Return a copy with one to four kinds of damage.

    Args:
        content: Valid file.
        chance: Source of every decision.
        others: Files that pieces are taken from.
    """
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 4))):
        if len(damaged) > 1:
            chance.choice(MUTATIONS)(damaged, chance, others)
    return bytes(damaged)


def _place(data: bytearray, chance: random.Random) -> int:
    end = min(len(data), HEADER_BYTES) if chance.random() < 0.75 else len(data)
    return chance.randrange(end)


def _flip_bits(data: bytearray, chance: random.Random, _others: Sequence[bytes]) -> None:
    for _ in range(chance.choice((1, 1, 2, 8, 32))):
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _wild_number(data: bytearray, chance: random.Random, _others: Sequence[bytes]) -> None:
    """Write an extreme integer: most of what parsers trust are lengths and counts."""
    size, at = chance.choice((1, 2, 2, 4, 4, 8)), _place(data, chance)
    number = chance.choice(WILD) % 2 ** (8 * size)
    data[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))


def _nearby_number(data: bytearray, chance: random.Random, _others: Sequence[bytes]) -> None:
    at = _place(data, chance)
    data[at] = (data[at] + chance.randint(-4, 4)) % 256


def _truncate(data: bytearray, chance: random.Random, _others: Sequence[bytes]) -> None:
    del data[_place(data, chance) + 1 :]


def _piece(data: bytes | bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(max(1, len(data)))
    return bytes(data[start : start + chance.randint(1, LONGEST_PIECE)])


def _delete(data: bytearray, chance: random.Random, _others: Sequence[bytes]) -> None:
    start = _place(data, chance)
    del data[start : start + min(chance.randint(1, LONGEST_PIECE), len(data) - 2)]


def _repeat(data: bytearray, chance: random.Random, _others: Sequence[bytes]) -> None:
    at = _place(data, chance)
    data[at:at] = _piece(data, chance) * chance.choice((1, 1, 3))


def _splice(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    at, piece = _place(data, chance), _piece(chance.choice(others), chance)
    end = at + (len(piece) if chance.random() < 0.5 else 0)
    data[at:end] = piece


def _noise(data: bytearray, chance: random.Random, _others: Sequence[bytes]) -> None:
    at = _place(data, chance)
    data[at : at + chance.randint(1, 40)] = chance.randbytes(chance.randint(1, 40))


def _append(data: bytearray, chance: random.Random, others: Sequence[bytes]) -> None:
    data.extend(_piece(chance.choice(others), chance))


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits, _flip_bits, _wild_number, _wild_number, _wild_number, _nearby_number, _truncate, _delete, _repeat,
    _splice, _noise, _append,
)  # fmt: skip
