"""Dead letters of odd records, and the headers of what goes out."""

import json
from datetime import UTC, datetime

import pytest

from rushes.infra.kafka.port import Message
from rushes.schemas.channels import Channel
from rushes.schemas.envelope import Envelope, Record, decode, encode, open_envelope
from rushes.schemas.errors import ConfigurationError
from rushes.schemas.ids import EventId
from rushes.schemas.log import MediaRemoved
from rushes.schemas.topics import LETTER_MAX_BYTES
from rushes.streams.event_time import event_time_us
from rushes.streams.runner.dead_letters import DeadLetters, Failure
from rushes.streams.runner.outlet import Delivery, KafkaOutlet
from rushes.streams.stage import Output
from tests.runner_fakes import event

NOW = datetime(2026, 5, 4, tzinfo=UTC)
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def letters(stage: str = "split") -> DeadLetters:
    return DeadLetters(stage, worker="w", clock=lambda: NOW)


def raw(value: bytes | None, key: bytes | None = None, headers=()) -> Record:
    return Record("media-uploaded", 0, 5, key, value, headers, 1_000)


def outputs_of(record: Record, stage: str = "split") -> tuple[Output, ...]:
    made = letters(stage)
    envelope = open_envelope(record.headers, record.value)
    return made.outputs(record, envelope, made.letter(record, envelope, Failure("c", "r")))


def test_the_same_failure_has_the_same_letter_id_and_another_stage_another_one() -> None:
    record = raw(b"x")
    first, again, other = (outputs_of(record, stage)[0].key for stage in ("split", "split", "embed"))
    assert first == again != other


def test_a_letter_of_a_one_megabyte_event_fits_its_topic_and_reads_back() -> None:
    letter = outputs_of(raw(b"\xff" * 1024 * 1024))[0].event
    value = encode(letter)
    assert len(value) < LETTER_MAX_BYTES
    assert decode(value) == letter


def test_a_record_too_large_for_a_letter_is_named_by_its_place() -> None:
    letter = outputs_of(raw(b"\xff" * 4 * 1024 * 1024))[0].event
    assert letter.value_base64 is None
    assert "media-uploaded/0/5" in letter.reason
    assert len(encode(letter)) < LETTER_MAX_BYTES


@pytest.mark.parametrize(
    "value", [b"", None, b"[1]", b'"text"', b"\xff", b"[" * 100_000, b'{"library_id": 7, "media_id": {}}']
)
def test_of_an_unreadable_event_the_key_says_whose_it_is(value: bytes | None) -> None:
    (written,) = outputs_of(raw(value, key=b"lib/a/b.mp4"))
    assert (written.event.library_id, written.event.media_id) == ("lib", "a/b.mp4")


def test_the_key_of_a_library_names_no_media() -> None:
    letter = outputs_of(raw(b"?", key=b"lib"))[0].event
    assert (letter.library_id, letter.media_id) == ("lib", None)


def test_the_status_of_an_upload_without_a_version_bears_the_events_time() -> None:
    value = json.dumps({"type": "MediaUploaded", "library_id": "l", "media_id": "m"}).encode()
    status = outputs_of(raw(value, headers=(("ce_time", b"1970-01-01T00:00:03Z"),)))[1].event
    assert status.version == 3_000_000
    assert outputs_of(raw(value))[1].event.version == 1_000_000


def test_a_failed_deletion_says_nothing_of_how_far_its_media_is() -> None:
    assert len(outputs_of(raw(encode(event("m"))))) == 1


def test_a_stage_without_a_place_in_media_status_writes_the_letter_only() -> None:
    value = json.dumps({"type": "MediaUploaded", "library_id": "l", "media_id": "m", "version": 1}).encode()
    assert len(outputs_of(raw(value), "split")) == 2
    assert len(outputs_of(raw(value), "feedback")) == 1


def test_the_time_of_an_event_falls_back_to_the_records_when_the_producers_is_no_time() -> None:
    assert event_time_us(raw(b"x"), Envelope(EventId("e"), time="yesterday")) == 1_000_000


class Appending:
    def __init__(self, journal: list[object]) -> None:
        self.journal = journal

    def append(self, entries):
        self.journal.append(("log", [entry.media_id for entry in entries]))
        return []


def outlet(journal: list[object], *, with_log: bool = True) -> KafkaOutlet:
    async def send(messages) -> None:
        journal.append(("kafka", list(messages)))

    return KafkaOutlet(
        send,
        stage="split",
        topic_prefix="t.",
        library_log=Appending(journal) if with_log else None,
        clock=lambda: NOW,
    )


def removed(media: str) -> Output:
    entry = MediaRemoved(library_id="lib", entry_id="0" * 8 + "-0000-0000-0000-" + "0" * 12, media_id=media, version=1)
    return Output(Channel.LIBRARY_LOG, entry, "lib", EventId(f"e-{media}"))


def status(media: str) -> Output:
    return Output(Channel.MEDIA_STATUS, event(media), f"lib/{media}", EventId(f"s-{media}"))


async def test_entries_are_in_the_log_before_messages_tell_of_them_and_both_keep_their_order() -> None:
    journal: list = []
    cause = Envelope(EventId("c"), traceparent=PARENT)
    await outlet(journal).deliver([Delivery(o, cause) for o in (status("a"), removed("a"), status("b"), removed("b"))])
    assert journal[0] == ("log", ["a", "b"])
    assert [m.key for m in journal[1][1]] == [b"lib/a", b"lib/b"]


async def test_a_message_bears_cloudevents_attributes_and_a_child_of_the_incoming_trace() -> None:
    journal: list = []
    await outlet(journal).deliver([Delivery(status("a"), Envelope(EventId("c"), traceparent=PARENT))])
    message: Message = journal[0][1][0]
    headers = dict(message.headers)
    assert message.topic == "t.media-status"
    assert headers["ce_id"] == b"s-a"
    assert headers["ce_type"] == b"rushes.MediaDeleted"
    assert headers["ce_source"] == b"rushes/split"
    assert headers["ce_time"] == b"2026-05-04T00:00:00+00:00"
    version, trace, span, flags = headers["traceparent"].decode().split("-")
    assert (version, trace, flags) == ("00", "4bf92f3577b34da6a3ce929d0e0e4736", "01")
    assert span != "00f067aa0ba902b7"


async def test_the_same_work_redone_sends_the_same_headers() -> None:
    journal: list = []
    for _ in range(2):
        await outlet(journal).deliver([Delivery(status("a"), Envelope(EventId("c"), traceparent="nonsense"))])
    assert journal[0] == journal[1]


async def test_an_entry_for_the_log_without_a_log_is_the_operators_matter() -> None:
    with pytest.raises(ConfigurationError):
        await outlet([], with_log=False).deliver([Delivery(removed("a"), Envelope(EventId("c")))])
