"""Batches made in the background: in order, with their errors, and never beyond what is wanted."""

import threading
import time

import pytest

from lvvol.train.background import Background


def test_items_come_in_order():
    with Background(iter(range(100)), ahead=3) as items:
        assert list(items) == list(range(100))
        assert list(items) == []


def test_no_more_than_a_few_are_made_ahead():
    made = []

    def make():
        for number in range(100):
            made.append(number)
            yield number

    with Background(make(), ahead=4) as items:
        assert next(items) == 0
        time.sleep(0.3)
        assert len(made) <= 6  # one used, four ready, one waiting for room
    assert threading.active_count() == 1 or "batches" not in {
        thread.name for thread in threading.enumerate()
    }


def test_an_error_comes_after_the_items_before_it():
    def make():
        yield 1
        raise ValueError("patient 2 is damaged")

    with Background(make()) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="patient 2 is damaged"):
            next(items)
        with pytest.raises(StopIteration):
            next(items)


def test_waiting_is_measured():
    def make():
        time.sleep(0.2)
        yield 1

    with Background(make()) as items:
        next(items)
        assert 0.15 < items.waited_s < 5
