"""What every embedding cache promises: in memory, on disk and on a real Redis."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid

import pytest
from structlog.testing import capture_logs

from rushes.infra.cache.disk import FILE_NAME, DiskCache
from rushes.infra.cache.memory import MemoryCache
from rushes.infra.cache.opening import open_cache
from rushes.infra.cache.redis import KEY_PREFIX, RedisCache, open_redis
from rushes.infra.local_stack.redis_server import RedisServer
from rushes.infra.settings import RedisSettings
from rushes.schemas.errors import ConfigurationError


@pytest.fixture(params=["memory", "disk", pytest.param("redis", marks=pytest.mark.redis)])
def cache(request, tmp_path):
    match request.param:
        case "memory":
            opened = MemoryCache()
        case "disk":
            opened = DiskCache(tmp_path / "cache")
        case _:
            opened = open_redis(RedisSettings(url=request.getfixturevalue("redis_url")))
    yield opened
    opened.close()


@pytest.fixture
def own_redis(request, tmp_path):
    """A redis-server of this test, to be frozen and killed."""
    request.getfixturevalue("redis_server")  # skips, or fails in CI, where there is none
    server = RedisServer(tmp_path / "redis").start()
    yield server
    server.kill()


@pytest.fixture
def name():
    return uuid.uuid4().hex


def test_what_is_put_is_got_in_the_order_asked(cache, name):
    values = {f"{name}:{number}": os.urandom(number) for number in range(300)}
    cache.put(values)
    keys = [f"{name}:{number}" for number in (299, 5, 1000, 0, 5)]
    assert cache.get(keys) == [values[keys[0]], values[keys[1]], None, b"", values[keys[4]]]
    assert cache.state == "ok"


def test_many_keys_come_in_one_call(cache, name):
    values = {f"{name}:{number}": number.to_bytes(1024, "big") for number in range(3_000)}
    cache.put(values)
    assert cache.get(list(values)) == list(values.values())


def test_nothing_asked_or_put_is_fine(cache):
    cache.put({})
    assert cache.get([]) == []


def test_odd_keys_are_apart(cache, name):
    keys = [f"{name}{end}" for end in ("", " ", "\n", "é", "e\u0301", ":", "\\", '"', "雪", "%", "*", "'")]
    cache.put({key: key.encode() for key in keys})
    assert cache.get(keys) == [key.encode() for key in keys]


def test_the_last_put_stands(cache, name):
    cache.put({name: b"first"})
    cache.put({name: b"last"})
    assert cache.get([name]) == [b"last"]


def test_what_is_deleted_is_gone_and_nothing_else(cache, name):
    values = {f"{name}:{number}": os.urandom(40) for number in range(1_200)}
    cache.put(values)
    gone = [f"{name}:{number}" for number in range(0, 1_200, 2)]
    assert cache.delete([*gone, f"{name}:never-put", gone[0]])
    assert cache.get(list(values)) == [None if key in set(gone) else value for key, value in values.items()]
    cache.put({gone[0]: b"again"})
    assert cache.get([gone[0]]) == [b"again"]


def test_only_the_very_key_is_deleted(cache, name):
    keys = [f"{name}{end}" for end in ("", "*", "%", "?", "[a]", "'", "_", ":")]
    cache.put({key: key.encode() for key in keys})
    assert cache.delete([f"{name}*", f"{name}%"])
    assert cache.get(keys) == [None if key[-1] in "*%" else key.encode() for key in keys]


def test_deleting_what_is_not_there_or_nothing_is_fine(cache, name):
    assert cache.delete([name])
    assert cache.delete([])
    assert cache.state == "ok"


def test_hits_misses_and_bytes_are_counted(cache, name):
    cache.put({f"{name}a": b"12345", f"{name}b": b"123"})
    cache.get([f"{name}a", f"{name}x", f"{name}b"])
    counts = cache.counts
    assert (counts.hits, counts.misses, counts.bytes_read, counts.bytes_written) == (2, 1, 8, 8)
    assert (counts.damaged, counts.skipped) == (0, 0)


def test_threads_may_share_it(cache, name):
    wrong = []

    def use(thread: int) -> None:
        for number in range(40):
            keys = {f"{name}:{thread}:{number}:{i}": os.urandom(64) for i in range(20)}
            cache.put(keys)
            if cache.get(list(keys)) != list(keys.values()):
                wrong.append(thread)

    threads = [threading.Thread(target=use, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_memory_is_bounded_and_the_longest_unused_goes_first():
    cache = MemoryCache(max_bytes=10 * 1_200)
    for number in range(10):
        cache.put({str(number): bytes(1_000)})
    cache.get(["0"])
    cache.put({"new": bytes(1_000)})
    assert [value is not None for value in cache.get(["0", "1", "2", "new"])] == [True, False, True, True]


def test_a_value_larger_than_memory_allows_is_forgotten_and_no_error():
    cache = MemoryCache(max_bytes=1_000)
    cache.put({"big": bytes(5_000)})
    assert cache.get(["big"]) == [None]
    cache.put({"small": b"x"})
    assert cache.get(["small"]) == [b"x"]


def test_memory_that_was_deleted_makes_room():
    cache = MemoryCache(max_bytes=10 * 1_200)
    cache.put({str(number): bytes(1_000) for number in range(10)})
    cache.delete(["8", "9"])
    cache.put({"new": bytes(1_000), "newer": bytes(1_000)})
    assert None not in cache.get(["0", "7", "new", "newer"])


def test_deleted_bytes_are_in_no_file_on_disk(tmp_path):
    cache = DiskCache(tmp_path)
    vector = os.urandom(400)
    cache.put({f"face:{number}": vector for number in range(50)} | {"kept": b"value"})
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert vector in held
    assert cache.delete([f"face:{number}" for number in range(50)])
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert vector not in left
    assert b"face:" not in left
    assert cache.get(["kept"]) == [b"value"]
    cache.close()


def test_a_disk_cache_that_is_locked_says_that_it_did_not_delete(tmp_path):
    cache = DiskCache(tmp_path)
    cache.put({"a": b"1"})
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not cache.delete(["a"])
    assert cache.state.startswith("down: ")
    other.execute("ROLLBACK")
    assert cache.delete(["a"])
    assert cache.get(["a"]) == [None]
    other.close()
    cache.close()


DISK_WRITER = """
import sys
from pathlib import Path
from rushes.infra.cache.disk import DiskCache
cache = DiskCache(Path(sys.argv[1]))
for number in range(1_000_000):
    cache.put({f"{number}:{i}": number.to_bytes(512, "big") for i in range(20)})
    print(number, flush=True)
"""


def test_a_killed_process_leaves_on_disk_what_it_had_put(tmp_path):
    writer = subprocess.Popen([sys.executable, "-c", DISK_WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    last = next(int(line) for line in writer.stdout if int(line) >= 30)
    writer.send_signal(signal.SIGKILL)
    last = max([last, *map(int, writer.stdout.read().split())])
    writer.wait()
    cache = DiskCache(tmp_path)
    keys = [f"{number}:{i}" for number in range(last + 1) for i in range(20)]
    assert cache.get(keys) == [int(key.split(":")[0]).to_bytes(512, "big") for key in keys]
    cache.close()


def test_a_full_disk_cache_forgets_the_oldest(tmp_path):
    cache = DiskCache(tmp_path, max_bytes=1024**2)
    for number in range(3_000):
        cache.put({str(number): os.urandom(1_000)})
    found = cache.get([str(number) for number in range(3_000)])
    kept = [number for number, value in enumerate(found) if value is not None]
    assert 500 < len(kept) < 1_100
    assert kept == list(range(3_000 - len(kept), 3_000))
    assert (tmp_path / FILE_NAME).stat().st_size < 2 * 1024**2
    cache.close()


@pytest.mark.parametrize("damage", [b"", b"no database at all", None], ids=["empty", "other bytes", "cut"])
def test_a_damaged_disk_cache_is_begun_anew(tmp_path, damage):
    cache = DiskCache(tmp_path)
    cache.put({str(number): os.urandom(1_000) for number in range(500)})
    cache.close()
    file = tmp_path / FILE_NAME
    file.write_bytes(file.read_bytes()[:20_000] if damage is None else damage * 100)

    again = DiskCache(tmp_path)
    again.get([str(number) for number in range(500)])
    again.put({"new": b"value"})
    again.put({"new": b"value"})
    assert again.get(["new"]) == [b"value"]
    assert again.state == "ok"
    again.close()


def test_changed_bytes_on_disk_are_a_miss(tmp_path):
    cache = DiskCache(tmp_path)
    cache.put({"a": b"value", "b": b"value", "c": b"value"})
    database = sqlite3.connect(tmp_path / FILE_NAME)
    with database:
        database.execute("UPDATE entries SET value = substr(value, 1, length(value) - 1) WHERE key = 'a'")
        database.execute("UPDATE entries SET value = 7 WHERE key = 'b'")
    assert cache.get(["a", "b", "c"]) == [None, None, b"value"]
    cache.close()


def test_a_folder_that_cannot_be_is_down_with_the_reason_and_no_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with capture_logs() as logs:
        cache = DiskCache(tmp_path / "file" / "cache")
        cache.put({"a": b"1"})
    assert cache.get(["a"]) == [None]
    assert not cache.delete(["a"])
    assert cache.state.startswith("down: ")
    assert [log["log_level"] for log in logs] == ["warning"]


@pytest.mark.redis
@pytest.mark.parametrize("damage", [b"", b"R1", b"x" * 40, b"R1" + bytes(20)])
def test_damaged_bytes_in_redis_are_a_miss(redis_url, name, damage):
    cache = open_redis(RedisSettings(url=redis_url))
    cache.put({name: b"value"})
    raw = cache._client
    stored = raw.get(KEY_PREFIX + name)
    raw.set(KEY_PREFIX + name, damage)
    raw.set(KEY_PREFIX + name + "cut", stored[:-1])
    raw.set(KEY_PREFIX + name + "moved", stored)
    raw.lpush(KEY_PREFIX + name + "list", "x")
    assert cache.get([name, name + "cut", name + "moved", name + "list"]) == [None] * 4
    assert cache.counts.damaged == 3
    assert cache.state == "ok"
    cache.close()


@pytest.mark.redis
def test_entries_expire(redis_url, name):
    cache = open_redis(RedisSettings(url=redis_url, ttl_s=1000))
    cache.put({name: b"value"})
    assert 990 <= cache._client.ttl(KEY_PREFIX + name) <= 1000
    cache.close()


@pytest.mark.redis
def test_a_frozen_redis_costs_one_short_wait_and_says_so_once(own_redis, name):
    cache = open_redis(RedisSettings(url=own_redis.url))
    keys = [f"{name}:{number}" for number in range(1_000)]
    cache.put(dict.fromkeys(keys, b"value"))
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        with capture_logs() as logs:
            started = time.monotonic()
            assert cache.get(keys) == [None] * 1_000
            first = time.monotonic() - started
            started = time.monotonic()
            for _ in range(50):
                cache.get(keys)
                cache.put({"a": b"1"})
                assert not cache.delete(keys)
            later = time.monotonic() - started
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    assert first < 0.45
    assert later < 0.3
    assert cache.state.startswith("down: ")
    assert [(log["log_level"], log["event"]) for log in logs] == [
        ("warning", "embedding cache is down; going on without, embeddings are computed again")
    ]
    cache.close()


@pytest.mark.redis
def test_a_frozen_redis_that_thaws_gives_no_answer_of_an_older_question(own_redis, name):
    now = [0.0]
    cache = open_redis(RedisSettings(url=own_redis.url))
    cache._clock = lambda: now[0]
    cache.put({f"{name}:{number}": str(number).encode() for number in range(100)})
    for number in range(20):
        os.kill(own_redis.pid, signal.SIGSTOP)
        assert cache.get([f"{name}:{number}"]) == [None]
        os.kill(own_redis.pid, signal.SIGCONT)
        now[0] += 10
        asked = [f"{name}:{99 - number}", f"{name}:{number}"]
        assert cache.get(asked) == [str(99 - number).encode(), str(number).encode()]
    cache.close()


@pytest.mark.redis
def test_a_redis_that_was_killed_is_used_again_when_it_is_back(own_redis, name):
    now = [0.0]
    cache = open_redis(RedisSettings(url=own_redis.url))
    cache._clock = lambda: now[0]
    cache.put({name: b"value"})
    own_redis.kill()
    with capture_logs() as logs:
        assert cache.get([name]) == [None]
        assert cache.state.startswith("down: ")
        now[0] += 6
        assert cache.get([name]) == [None]
        own_redis.start()
        assert cache.get([name]) == [None]
        now[0] += 6
        cache.put({name: b"value"})
        assert cache.get([name]) == [b"value"]
    assert cache.state == "ok"
    assert [log["event"].split(";")[0] for log in logs] == ["embedding cache is down", "embedding cache is back"]
    cache.close()


@pytest.mark.redis
def test_a_full_redis_is_still_read_and_says_why_it_is_not_written(own_redis, name):
    cache = open_redis(RedisSettings(url=own_redis.url))
    cache.put({name: b"value"})
    cache._client.config_set("maxmemory-policy", "noeviction")
    cache._client.config_set("maxmemory", 1)
    with capture_logs() as logs:
        for _ in range(3):
            cache.put({f"{name}2": b"value"})
            assert cache.get([name]) == [b"value"]
    assert "refuses to put" in cache.state
    assert len(logs) == 1
    cache._client.config_set("maxmemory", 0)
    cache.put({f"{name}2": b"value"})
    assert cache.state == "ok"
    cache.close()


def test_the_settings_choose_the_cache(tmp_path):
    memory, disk, redis = (
        open_cache(RedisSettings()),
        open_cache(RedisSettings(), tmp_path),
        open_cache(RedisSettings(url="redis://127.0.0.1:1/0"), tmp_path),
    )
    assert (type(memory), type(disk), type(redis)) == (MemoryCache, DiskCache, RedisCache)
    for cache in (memory, disk, redis):
        cache.close()


def test_a_url_that_is_none_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match=r"redis\.url"):
        open_cache(RedisSettings(url="localhost:6379"))
