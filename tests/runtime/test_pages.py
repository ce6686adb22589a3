"""Memory of compiled programs: zeros, at addresses that vectors need, in large pages where there are such."""

import ctypes
import mmap

import pytest

from microgpt.runtime.machine import pages
from microgpt.runtime.machine.pages import ALIGN, new_numbers


@pytest.mark.parametrize("kind", [ctypes.c_double, ctypes.c_float])
@pytest.mark.parametrize("count", [0, 1, 1000, 1_000_000])
def test_numbers_are_zeros_at_a_whole_cache_line(kind, count):
    numbers = new_numbers(kind, count)
    assert len(numbers) == count
    assert ctypes.addressof(numbers) % ALIGN == 0
    assert not any(numbers)
    if count:
        numbers[0] = numbers[-1] = 3.0
        assert (numbers[0], numbers[-1]) == (3.0, 3.0)


def test_without_large_pages_there_is_memory_all_the_same(monkeypatch):
    count = pages._LEAST // 8
    monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    assert len(new_numbers(ctypes.c_double, count)) == count

    def refuse(*arguments: object, **named: object) -> None:
        raise OSError("no such pages")

    monkeypatch.setattr(mmap, "MADV_HUGEPAGE", 14, raising=False)
    monkeypatch.setattr(mmap, "mmap", refuse)
    assert len(new_numbers(ctypes.c_double, count)) == count
