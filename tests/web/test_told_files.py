"""Only who was told the address of a file may fetch it: the gate must read the whole address, and nothing behind it."""

import pytest

from web.presence import FILE_ADDRESS, _readings

ADDRESS = b"/media/27d2e36f326cd6d5d2a8054508438900.csv"


def told(data: bytes) -> set[bytes]:
    return {one for found in FILE_ADDRESS.finditer(data) for one in _readings(data, found)}


@pytest.mark.parametrize("after", [b"", b"0\x01", b"8\x01", b"J\x05label", b"\x12", b'"'])
def test_an_address_ends_where_the_message_says(after):
    assert ADDRESS in told(b"\x0a\x04Save\x1a" + bytes([len(ADDRESS)]) + ADDRESS + after)


def test_an_address_in_text_ends_with_its_signs():
    assert ADDRESS in told(b'{"url":"' + ADDRESS + b'"}')
    assert ADDRESS in told(ADDRESS)
