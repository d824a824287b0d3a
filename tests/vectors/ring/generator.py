#!/usr/bin/env python3
"""Streams of the generator (src/ring/generator.h), made with hmac, hashlib and python3-cryptography, as lines of
"name place bytes" on the standard output. The seed is 32 bytes 1, 8, 15, ..."""
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SEED = bytes((7 * k + 1) % 256 for k in range(32))


def hkdf(seed, info, size):
    """RFC 5869 without salt"""
    secret = hmac.new(bytes(32), seed, hashlib.sha256).digest()
    return hmac.new(secret, info + b"\x01", hashlib.sha256).digest()[:size]


def stream(name, place, size):
    cipher = Cipher(algorithms.AES(hkdf(SEED, name.encode(), 16)), modes.CTR(place.to_bytes(16, "big"))).encryptor()
    return cipher.update(bytes(size))


for name in ("a", "csyft/1|7|triple|0|free", "csyft/1|7|triple|0|derived"):
    for place, size in ((0, 48), (1, 16), (255, 33), (2**32 - 1, 40), (2**63, 7)):
        print(name, place, stream(name, place, size).hex())
