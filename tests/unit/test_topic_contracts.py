"""What is promised of a topic is what it is made with."""

import pytest

from rushes.infra.kafka.topics import topic_spec
from rushes.infra.settings import KafkaSettings
from rushes.schemas.channels import Channel
from rushes.schemas.topics import TOPICS


@pytest.mark.parametrize("channel", Channel)
def test_a_topic_is_created_as_the_contract_documents_say(channel: Channel) -> None:
    promised = TOPICS[channel]
    made = topic_spec(KafkaSettings(), channel)
    assert set(made.config["cleanup.policy"].split(",")) == set(promised.cleanup_policy.split(","))
    assert int(made.config["retention.ms"]) == promised.retention_ms
    assert int(made.config["max.message.bytes"]) == promised.max_record_bytes
    assert promised.partitions in {None, made.partitions}
    assert made.name == channel.value
