"""Rules of the embedding caches that need no server: frames, the circuit breaker, the budget of time."""

import threading

import fakeredis
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from rushes.infra.cache.frame import seal, unseal
from rushes.infra.cache.redis import BUDGET_S, COOL_S, KEYS_PER_CALL, RedisCache


@given(key=st.text(), value=st.binary())
def test_what_is_sealed_opens_under_its_key(key, value):
    assert unseal(key, seal(key, value)) == value


@given(key=st.text(), other=st.text(), value=st.binary())
def test_a_value_opens_under_no_other_key(key, other, value):
    assert (unseal(other, seal(key, value)) is None) == (key != other)


@given(value=st.binary(min_size=1), place=st.integers(0), flip=st.integers(1, 255))
def test_a_changed_byte_is_noticed(value, place, flip):
    sealed = bytearray(seal("key", value))
    sealed[place % len(sealed)] ^= flip
    assert unseal("key", bytes(sealed)) is None


@given(value=st.binary(), end=st.integers(0, 200))
def test_a_cut_value_is_noticed(value, end):
    sealed = seal("key", value)
    if end < len(sealed):
        assert unseal("key", sealed[:end]) is None


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server():
    return fakeredis.FakeServer()


@pytest.fixture
def cache(server, clock):
    return RedisCache(fakeredis.FakeRedis(server=server), ttl_s=60, clock=clock)


def test_a_server_that_is_down_is_asked_once_in_the_cooling_time(server, cache, clock):
    asked = []
    mget = cache._client.mget
    cache._client.mget = lambda names: asked.append(names) or mget(names)
    server.connected = False
    for _ in range(10):
        assert cache.get(["a"] * 3 * KEYS_PER_CALL) == [None] * 3 * KEYS_PER_CALL
    assert len(asked) == 1
    clock.now += COOL_S + 0.1
    for _ in range(10):
        cache.get(["a"])
    assert len(asked) == 2
    assert cache.counts.skipped == 30 * KEYS_PER_CALL + 10


def test_a_server_that_comes_back_is_used_again_and_both_are_said_once(server, cache, clock):
    cache.put({"a": b"value"})
    server.connected = False
    with capture_logs() as logs:
        for _ in range(3):
            assert cache.get(["a"]) == [None]
            clock.now += COOL_S + 0.1
        server.connected = True
        assert cache.get(["a"]) == [b"value"]
        assert cache.get(["a"]) == [b"value"]
    assert [log["event"].split(";")[0] for log in logs] == ["embedding cache is down", "embedding cache is back"]
    assert cache.state == "ok"


def test_a_deletion_says_whether_the_server_did_it_and_opens_the_circuit_where_it_is_down(server, cache, clock):
    cache.put({"a": b"value"})
    server.connected = False
    with capture_logs() as logs:
        assert not cache.delete(["a"])
        assert cache.state.startswith("down: ")
        server.connected = True
        assert not cache.delete(["a"]), "the circuit is open"
        clock.now += COOL_S + 0.1
        assert cache.delete(["a"])
        assert cache.get(["a"]) == [None]
    assert [log["event"].split(";")[0] for log in logs] == ["embedding cache is down", "embedding cache is back"]


def test_a_deletion_that_ends_half_way_is_no_success(cache, clock):
    calls = []

    def unlink(*names):
        calls.append(names)
        if len(calls) == 2:
            raise redis.TimeoutError("frozen")
        return len(names)

    cache._client.unlink = unlink
    assert not cache.delete([str(number) for number in range(5 * KEYS_PER_CALL)])
    assert len(calls) == 2


def test_a_slow_deletion_ends_within_the_budget(cache, clock):
    calls = []

    def slow(*names):
        calls.append(names)
        clock.now += 0.2
        return len(names)

    cache._client.unlink = slow
    assert not cache.delete([str(number) for number in range(100 * KEYS_PER_CALL)])
    assert len(calls) <= BUDGET_S / 0.2 + 1


def test_while_one_call_tries_a_server_again_the_others_do_not_wait(server, cache, clock):
    server.connected = False
    cache.get(["a"])
    clock.now += COOL_S + 0.1
    inside, leave = threading.Event(), threading.Event()

    def frozen(names):
        inside.set()
        leave.wait(10)
        raise redis.TimeoutError("frozen")

    cache._client.mget = frozen
    trying = threading.Thread(target=cache.get, args=(["a"],))
    trying.start()
    assert inside.wait(10)
    assert cache.get(["a"]) == [None]
    leave.set()
    trying.join()
    assert cache.state == "down: TimeoutError: frozen"


def test_a_server_that_answers_each_call_just_in_time_is_left_off_within_the_budget(cache, clock):
    calls = []

    def slow(names):
        calls.append(names)
        clock.now += 0.2
        return [seal(name.removeprefix("rushes:cache:"), b"value") for name in names]

    cache._client.mget = slow
    found = cache.get([str(number) for number in range(100 * KEYS_PER_CALL)])
    assert len(calls) <= BUDGET_S / 0.2 + 1
    assert found[:KEYS_PER_CALL] == [b"value"] * KEYS_PER_CALL
    assert found[-1] is None
    assert "too slow" in cache.state
