"""A producer needs a Kafka client and a JSON encoder, and nothing of ours."""

import asyncio
import json
import uuid

import jsonschema
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from rushes.schemas.envelope import decode, open_envelope
from rushes.schemas.ids import event_id_of_bytes
from rushes.schemas.media import MediaUploaded
from rushes.streams.contracts.json_schema import schema_of

DEADLINE_S = 30


async def publish_and_read_back(bootstrap: str, key: str, payload: dict):
    """What any producer does, and the record a worker then sees."""
    topic = f"media-uploaded-{uuid.uuid4()}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(topic, json.dumps(payload).encode(), key=key.encode())
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        return await asyncio.wait_for(consumer.getone(), DEADLINE_S)


async def test_plain_json_by_plain_aiokafka_is_an_upload(kafka_bootstrap: str) -> None:
    payload = {
        "type": "MediaUploaded",
        "library_id": "wedding-2026",
        "media_id": "Tag 1/Küche – 草.mov",
        "uri": "https://footage.example/day1/kitchen.mov",
        "captured_at": "2026-01-09T10:00:10+01:00",
        "boxes": [{"box": [0.1, 0.2, 0.3, 0.4], "time_us": 40000, "label": "cake"}],
        "attributes": {"reel": "A001", "take": 3},
    }
    record = await publish_and_read_back(kafka_bootstrap, "wedding-2026/Tag 1/Küche – 草.mov", payload)

    event = decode(record.value)

    assert isinstance(event, MediaUploaded)
    assert event.media_id == payload["media_id"]
    assert event.key == record.key.decode()
    assert event.attributes == payload["attributes"]
    assert open_envelope(record.headers, record.value).event_id == event_id_of_bytes(json.dumps(payload).encode())
    jsonschema.Draft202012Validator(schema_of(MediaUploaded)).validate(json.loads(record.value))
