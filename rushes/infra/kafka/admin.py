"""Topics created, compared and grown.

Every function opens a client of its own and waits for the cluster's answer. Errors of all: DependencyUnavailable where
no broker answers in time, ConfigurationError where the cluster refuses what the settings ask for.
"""

import concurrent.futures
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its documented names are re-exported without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
    TopicMetadata,
)

from rushes.infra.kafka.answers import explained
from rushes.infra.kafka.topics import TopicSpec, topic_spec, topic_specs
from rushes.infra.settings import KafkaSettings
from rushes.schemas.channels import Channel
from rushes.schemas.errors import ConfigurationError, DependencyUnavailable

ANSWER_WITHIN_S: Final = 15.0
"""For one answer of the cluster. Creating topics is the slowest: 0.2 s on one broker, seconds on a busy cluster."""

SEEN_WITHIN_S: Final = 60.0
"""Until new partitions have leaders in every broker's metadata; below a second, but for a cluster that just started."""

_POLL_EVERY_S: Final = 0.1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of a topic that is not as the design settles it."""

    setting: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What was found of a topic, or done to it. `differs` lists what to correct: configuration on request
    (`create_topics(fix=True)`), partitions by `grow`, replication by the cluster's own tools."""

    channel: Channel
    name: str
    state: Literal["created", "exists", "differs", "fixed", "missing"]
    partitions: int
    replication: int
    differences: tuple[Difference, ...] = ()


def create_topics(kafka: KafkaSettings, *, fix: bool = False) -> list[TopicReport]:
    """Creates what is missing, in the order of the data flow; run again, it changes nothing.

    Configuration that drifted is shown, and set right only with `fix`. Returns when every broker's metadata shows all
    topics with leaders, so that workers may start.
    """
    specs = topic_specs(kafka)
    with _admin(kafka) as admin:
        created = _create(admin, specs)
        _wait_for_partitions(admin, {spec.name: 1 for spec in specs})
        reports = _compare(admin, specs)
        if fix:
            reports = _fix(admin, specs, reports)
    return [replace(r, state="created") if r.name in created and r.state == "exists" else r for r in reports]


def describe_topics(kafka: KafkaSettings) -> list[TopicReport]:
    """All topics as they are now; those that do not exist have the state `missing`."""
    with _admin(kafka) as admin:
        return _compare(admin, topic_specs(kafka))


def grow(kafka: KafkaSettings, channel: Channel, partitions: int) -> TopicReport:
    """Gives a topic `partitions` partitions in all. No-op where it has that many.

    Libraries stay where they were placed; keys of the other topics move to other partitions. Raises ConfigurationError
    for a topic that can't grow (compacted, or the placements), shrinks, or does not exist.
    """
    spec = topic_spec(kafka, channel)
    if not spec.can_grow:
        raise ConfigurationError(f"{spec.name} can't grow: its partitions are fixed at creation")
    with _admin(kafka) as admin:
        (found,) = _compare(admin, [spec])
        if found.state == "missing":
            raise ConfigurationError(f"expected the topic {spec.name}, found none; create the topics first")
        if partitions < found.partitions:
            raise ConfigurationError(f"{spec.name} has {found.partitions} partitions and can't shrink to {partitions}")
        if partitions > found.partitions:
            futures = admin.create_partitions([NewPartitions(spec.name, partitions)], request_timeout=ANSWER_WITHIN_S)
            _answer(futures[spec.name], f"add partitions to {spec.name}")
            _wait_for_partitions(admin, {spec.name: partitions})
        return _compare(admin, [spec])[0]


def partition_count(kafka: KafkaSettings, channel: Channel) -> int:
    """Partitions of a topic now. Raises ConfigurationError where it does not exist."""
    spec = topic_spec(kafka, channel)
    with _admin(kafka) as admin:
        found = _topics(admin).get(spec.name)
        if found is None:
            raise ConfigurationError(f"expected the topic {spec.name}, found none; create the topics first")
        return len(found.partitions)


def _create(admin: AdminClient, specs: Sequence[TopicSpec]) -> set[str]:
    """Names of the topics that were missing and are there now."""
    there = _topics(admin)
    new = [
        NewTopic(s.name, num_partitions=s.partitions, replication_factor=s.replication, config=dict(s.config))
        for s in specs
        if s.name not in there
    ]
    if not new:
        return set()
    created = set()
    for name, future in admin.create_topics(new, request_timeout=ANSWER_WITHIN_S).items():
        try:
            future.result(ANSWER_WITHIN_S)
            created.add(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody else created it meanwhile
                raise explained(error.args[0], f"create the topic {name}") from error
    return created


def _compare(admin: AdminClient, specs: Sequence[TopicSpec]) -> list[TopicReport]:
    topics = _topics(admin)
    there = [spec for spec in specs if spec.name in topics]
    configs = _configs(admin, [spec.name for spec in there])
    reports = []
    for spec in specs:
        if spec.name not in topics:
            reports.append(TopicReport(spec.channel, spec.name, "missing", 0, 0))
            continue
        partitions = topics[spec.name].partitions
        replication = min((len(p.replicas) for p in partitions.values()), default=0)
        differences = [
            Difference(setting, expected, configs[spec.name].get(setting, "unset"))
            for setting, expected in sorted(spec.config.items())
            if _normal(configs[spec.name].get(setting, "unset")) != _normal(expected)
        ]
        if replication < spec.replication:
            differences.append(Difference("replication", str(spec.replication), str(replication)))
        if spec.can_grow and len(partitions) < spec.partitions:
            differences.append(Difference("partitions", f"at least {spec.partitions}", str(len(partitions))))
        if spec.channel is Channel.PLACEMENTS and len(partitions) != 1:
            differences.append(Difference("partitions", "1", str(len(partitions))))
        state: Literal["differs", "exists"] = "differs" if differences else "exists"
        reports.append(TopicReport(spec.channel, spec.name, state, len(partitions), replication, tuple(differences)))
    return reports


def _config_differences(report: TopicReport) -> list[Difference]:
    return [d for d in report.differences if d.setting not in {"partitions", "replication"}]


def _fix(admin: AdminClient, specs: Sequence[TopicSpec], reports: Sequence[TopicReport]) -> list[TopicReport]:
    """Sets configurations right and waits until the cluster shows them: the answer comes before the effect."""
    _set_configs(admin, reports)
    changed = {report.name for report in reports if _config_differences(report)}
    deadline = time.monotonic() + SEEN_WITHIN_S
    while True:
        after = _compare(admin, specs)
        if not any(map(_config_differences, after)):
            return [replace(r, state="fixed") if r.name in changed and r.state == "exists" else r for r in after]
        if time.monotonic() > deadline:
            raise DependencyUnavailable(f"the configurations set do not show after {SEEN_WITHIN_S:.0f} s")
        time.sleep(_POLL_EVERY_S)


def _set_configs(admin: AdminClient, reports: Sequence[TopicReport]) -> None:
    for report in reports:
        wrong = _config_differences(report)
        if not wrong:
            continue
        entries = [ConfigEntry(d.setting, d.expected, incremental_operation=AlterConfigOpType.SET) for d in wrong]
        resource = ConfigResource(ResourceType.TOPIC, report.name, incremental_configs=entries)
        futures = admin.incremental_alter_configs([resource], request_timeout=ANSWER_WITHIN_S)
        _answer(futures[resource], f"configure the topic {report.name}")


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    futures = admin.describe_configs(resources, request_timeout=ANSWER_WITHIN_S)
    return {
        resource.name: {
            name: entry.value
            for name, entry in _answer(future, f"describe the topic {resource.name}").items()
            if entry.value is not None
        }
        for resource, future in futures.items()
    }


def _wait_for_partitions(admin: AdminClient, wanted: dict[str, int]) -> None:
    deadline = time.monotonic() + SEEN_WITHIN_S
    while True:
        topics = _topics(admin)
        waiting = [
            name
            for name, count in wanted.items()
            if name not in topics
            or len(topics[name].partitions) < count
            or any(partition.leader < 0 for partition in topics[name].partitions.values())
        ]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise DependencyUnavailable(
                f"expected leaders for all partitions of {', '.join(waiting)} within {SEEN_WITHIN_S:.0f} s; "
                "look at the brokers' health"
            )
        time.sleep(_POLL_EVERY_S)


def _topics(admin: AdminClient) -> dict[str, TopicMetadata]:
    try:
        return dict(admin.list_topics(timeout=ANSWER_WITHIN_S).topics)
    except KafkaException as error:
        raise explained(error.args[0], "tell its metadata") from error


def _answer(future: "concurrent.futures.Future[T]", what: str) -> T:
    try:
        return future.result(ANSWER_WITHIN_S + 1)
    except KafkaException as error:
        raise explained(error.args[0], what) from error
    except concurrent.futures.TimeoutError as error:
        raise DependencyUnavailable(f"Kafka did not {what} within {ANSWER_WITHIN_S:.0f} s") from error


@contextmanager
def _admin(kafka: KafkaSettings) -> Iterator[AdminClient]:
    # Level 0: what goes wrong is told by the answers, once, and not by the client on the screen besides.
    with AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0}) as admin:
        yield admin


def _normal(value: str) -> str:
    """Kafka tells a list in any order: `delete,compact` is `compact,delete`."""
    return ",".join(sorted(part.strip() for part in value.split(",")))
