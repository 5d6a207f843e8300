"""Laws of the stream: what brokers acknowledged is in the lake once, whatever dies when, and an id has one effect."""

import json
import logging
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servers import Started, kafka_broker, kafka_url, wait_until
from shopkeeper.core.action import Action
from shopkeeper.core.errors import SettingsError, Unavailable
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.ids import CustomerId, EventId, ProductId
from shopkeeper.core.money import Money
from shopkeeper.data.journal import DECISION, EVENT, Entry, Outcome
from shopkeeper.data.lake import Lake
from shopkeeper.data.stream import kafka_journal, landing
from shopkeeper.data.stream import reader as reader_module
from shopkeeper.data.stream.envelope import Envelope, key_of, unwrapped, wrapped
from shopkeeper.data.stream.judge import Judge, Message
from shopkeeper.data.stream.kafka_journal import KafkaJournal
from shopkeeper.data.stream.reader import Reader, message_of
from shopkeeper.data.stream.topic import Topic, check
from shopkeeper.shop.collecting import entry_of

AT = datetime(2026, 11, 1, tzinfo=UTC)


def _event(name: str, person: str = "c1", action: Action = Action.PRODUCT_VIEW) -> Event:
    lines = (OrderLine(product=ProductId("p1"), price=Money(500, "CNY")),) if action is Action.ORDER else ()
    return Event(
        id=EventId(name), at=AT, received_at=AT + timedelta(seconds=1), action=action, customer=CustomerId(person),
        product=ProductId("p1"), lines=lines, price=Money(700, "CNY") if action is Action.PRICE_CHANGE else None,
    )  # fmt: skip


def _decision(name: str) -> Entry:
    return Entry(kind=DECISION, id=name, body=b'{"id":"%s","placement":"home"}' % name.encode(), person="c1", day=1)


def _message(source: str, place: int, entry: Entry) -> Message:
    message = message_of(source, place, wrapped(entry))
    assert message is not None
    return message


@pytest.fixture
def topic(shared_broker: Started) -> Topic:
    return Topic.of(kafka_url(shared_broker, f"t-{uuid.uuid4().hex}"))


@pytest.fixture
def journal(topic: Topic) -> Iterator[KafkaJournal]:
    journal = KafkaJournal(topic, partitions=4, group="g")
    yield journal
    journal.close()


def _drain(topic: Topic, lake: Lake, judge: Judge, expected: int) -> list[Outcome]:
    """Read until so many messages came, and land those that count."""
    reader = Reader(topic, lake, group="g")
    outcomes: list[Outcome] = []
    while len(outcomes) < expected:
        messages, upto = reader.read(most=50, seconds=0.1)
        if upto:
            said = judge.judge(messages)
            outcomes += said
            counting = [message for message, outcome in zip(messages, said, strict=True) if outcome == "stored"]
            landing.land(lake, counting, upto)
            reader.tell(upto)
    reader.close()
    return outcomes


def _ids(lake: Lake, table: str = "events") -> Counter[str]:
    with lake.connect(tables=(table,)) as con:
        return Counter(row[0] for row in con.execute(f"SELECT id FROM {table}").fetchall())


def test_a_message_says_everything_of_its_entry() -> None:
    """Wrapping and unwrapping gives back kind, id, person, day and body; bodies are equal where ``same_as`` is; what is
    no message of a shop is nothing."""
    entry = entry_of(_event("e1"))
    found = unwrapped(wrapped(entry))
    assert found is not None
    assert (found.kind, found.id, found.person, found.day, bytes(found.body)) == (
        EVENT, "e1", "c1", entry.day, entry.body,
    )  # fmt: skip
    again = unwrapped(wrapped(entry_of(Event(**{**_fields(_event("e1")), "received_at": AT + timedelta(days=2)}))))
    assert again is not None
    assert again.same == found.same
    assert key_of(entry) == b"c1"
    assert [unwrapped(message) for message in (b"", b"{}", b"\xff", b'{"v":2}', b"[1]")] == [None] * 5


def _fields(event: Event) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__slots__}


def test_what_cannot_be_read_is_passed_over(topic: Topic, journal: KafkaJournal, tmp_path: Path) -> None:
    """A message that is none of ours, or whose event makes no sense, neither lands nor stops those behind it; an event
    that another program wrote with its own spaces and order of names lands like ours."""
    from confluent_kafka import Producer

    journal.append([entry_of(_event("before"))])
    foreign = json.dumps({"v": 1, "kind": "event", "id": "foreign", "same": "00" * 8, "day": 1, "person": "c1", "body":
                          {"properties": {"a": "b"}, "action": 4, "product": "p1", "customer": "c1", "id": "foreign",
                           "at": AT.isoformat()}}, indent=1)  # fmt: skip
    producer = Producer(topic.client())
    for value in (
        b"",
        b"hello",
        b'{"v":1,"kind":"event","id":"x","same":"00","day":1,"body":{"id":1}}',
        foreign.encode(),
    ):
        producer.produce(topic.name, value=value, key=b"c1")
    producer.flush()
    journal.append([entry_of(_event("after"))])
    lake, judge = Lake(tmp_path / "lake"), Judge(tmp_path / "journal.db")
    assert _drain(topic, lake, judge, 3) == ["stored"] * 3
    assert _ids(lake) == {"before": 1, "foreign": 1, "after": 1}
    with lake.connect(tables=("events",)) as con:
        found = con.execute("SELECT action, customer, properties FROM events WHERE id = 'foreign'").fetchall()
    assert found == [("product_view", "c1", '{"a":"b"}')]
    judge.close()


def test_what_was_acknowledged_lands_once(topic: Topic, journal: KafkaJournal, tmp_path: Path) -> None:
    """Every event and decision that ``append`` returned for is in the lake once, with its order lines and prices, and
    reading again from the lake's own place brings nothing new; an id that is sent again has no second effect."""
    actions = [Action.PRODUCT_VIEW, Action.ORDER, Action.PRICE_CHANGE]
    events = [_event(f"e{number}", f"c{number % 7}", actions[number % 3]) for number in range(300)]
    assert journal.append([entry_of(event) for event in events]) == ["stored"] * 300
    assert journal.append([_decision(f"d{number}") for number in range(20)]) == ["stored"] * 20
    journal.append([entry_of(event) for event in events[:40]])
    lake, judge = Lake(tmp_path / "lake"), Judge(tmp_path / "journal.db")
    outcomes = _drain(topic, lake, judge, 360)
    assert Counter(outcomes) == {"stored": 320, "duplicate": 40}
    assert _ids(lake) == dict.fromkeys((event.id for event in events), 1)
    assert _ids(lake, "decisions") == {f"d{number}": 1 for number in range(20)}
    with lake.connect(tables=("order_lines", "prices")) as con:
        assert con.execute("SELECT count(*) FROM order_lines").fetchone() == (100,)
        assert con.execute("SELECT count(*) FROM prices").fetchone() == (100,)
    journal.append([entry_of(_event("last"))])
    _drain(topic, lake, judge, 1)
    assert _ids(lake)["last"] == 1
    assert sum(_ids(lake).values()) == 301
    judge.close()


def test_another_body_of_one_id_is_a_conflict(topic: Topic, journal: KafkaJournal, tmp_path: Path) -> None:
    """Of two different events with one id the first counts, and the second is named."""
    journal.append([entry_of(_event("e1"))])
    journal.append([entry_of(_event("e1", action=Action.CART_ADD))])
    lake, judge = Lake(tmp_path / "lake"), Judge(tmp_path / "journal.db")
    assert _drain(topic, lake, judge, 2) == ["stored", "conflict"]
    with lake.connect(tables=("events",)) as con:
        assert con.execute("SELECT id, action FROM events").fetchall() == [("e1", "product_view")]
    judge.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 1)), max_size=20),
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=6),
)
def test_a_verdict_is_the_same_whenever_it_is_asked(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[int, int, int]], crashes: list[tuple[int, int]]
) -> None:
    """Two partitions of messages that repeat few ids with few bodies: reading on after any crash, from any earlier
    place, gives each message the verdict it had; one message of an id counts, and the verdicts say so."""
    judge = Judge(tmp_path_factory.mktemp("judge") / "journal.db")
    messages: list[Message] = []
    places = Counter[str]()
    for partition, name, body in told:
        source = f"kafka:x:{partition}"
        action = (Action.PRODUCT_VIEW, Action.CART_ADD)[body]
        messages.append(_message(source, places[source], entry_of(_event(f"e{name}", action=action))))
        places[source] += 1
    verdicts: dict[tuple[str, int], Outcome] = {}
    begin = 0
    for onward, back in [*crashes, (len(messages), 0)]:  # read on, crash, begin again somewhere before
        part = messages[begin : begin + onward]
        for message, outcome in zip(part, judge.judge(part), strict=True):
            assert verdicts.setdefault((message.source, message.place), outcome) == outcome
        begin = max(min(begin + onward, len(messages)) - back, 0)
    counted = Counter(
        message.envelope.id for message in messages if verdicts[message.source, message.place] == "stored"
    )
    assert counted == dict.fromkeys({message.envelope.id for message in messages}, 1)
    judge.close()


@pytest.mark.parametrize("table", ["order_lines", "prices", "decisions", "events"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_between_tables_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, after: bool
) -> None:
    """Where landing stops before or after the commit of any one table, landing the same messages again completes every
    table, each row once."""
    entries = [
        entry_of(_event(f"e{number}", action=action))
        for number, action in enumerate([Action.ORDER, Action.PRICE_CHANGE, Action.PRODUCT_VIEW])
    ]
    messages = [_message("kafka:x:0", place, entry) for place, entry in enumerate([*entries, _decision("d1")])]
    lake = Lake(tmp_path / "lake")
    whole = Lake.land

    def dies(self: Lake, name: str, *rest: object) -> None:
        if name == table and not after:
            raise KeyboardInterrupt
        whole(self, name, *rest)  # type: ignore[arg-type]  # the arguments of land
        if name == table:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "land", dies)
        with pytest.raises(KeyboardInterrupt):
            landing.land(lake, messages, {"kafka:x:0": 3})
    landing.land(lake, messages, {"kafka:x:0": 3})
    landing.land(lake, messages, {"kafka:x:0": 3})
    with lake.connect(tables=("events", "order_lines", "prices", "decisions")) as con:
        counts = [
            con.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("events", "order_lines", "prices", "decisions")
        ]
    assert counts == [3, 1, 1, 1]


def test_a_topic_made_anew_begins_at_its_beginning(shared_broker: Started, tmp_path: Path) -> None:
    """The lake's place belongs to the topic's identity: after a topic of the same name is made again, its first
    messages are read although the old one had come further."""
    from confluent_kafka.admin import AdminClient

    topic = Topic.of(kafka_url(shared_broker, f"again-{uuid.uuid4().hex}"))
    lake, judge = Lake(tmp_path / "lake"), Judge(tmp_path / "journal.db")
    admin = AdminClient(topic.client())
    for life in range(2):
        journal = KafkaJournal(topic, partitions=1, group="g")
        journal.append([entry_of(_event(f"life{life}-{number}")) for number in range(5 - life)])
        journal.close()
        _drain(topic, lake, judge, 5 - life)
        admin.delete_topics([topic.name])[topic.name].result(10)
    assert sum(_ids(lake).values()) == 9
    judge.close()


def test_without_brokers_nothing_is_acknowledged() -> None:
    """An address where nobody listens is an error that may be tried again, with the address and without a password."""
    topic = Topic.of("kafka://127.0.0.1:1/events", {"socket.timeout.ms": "1000"})
    journal = KafkaJournal(topic, partitions=1, group="g")
    with pytest.raises(Unavailable) as found:
        journal.append([entry_of(_event("e1"))])
    assert (found.value.key, found.value.facts["topic"]) == ("stream_unreachable", "events")
    journal.close()


def test_frozen_brokers_are_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Brokers that were frozen take a batch and say nothing: it is refused after its time, and from then on everybody
    is told at once. Thawed, they take what comes, without a restart; what was acknowledged is in the topic."""
    monkeypatch.setattr(kafka_journal, "_DELIVERY_MS", 1_000)
    caplog.set_level(logging.WARNING, kafka_journal.__name__)
    with kafka_broker(tmp_path) as broker:
        topic = Topic.of(kafka_url(broker, "frozen"))
        journal = KafkaJournal(topic, partitions=1, group="g")

        def taken(name: str) -> bool:
            """Whether a batch found its way, however busy this machine is."""
            try:
                return journal.append([entry_of(_event(name))]) == ["stored"]
            except Unavailable:
                return False

        wait_until(partial(taken, "before"), "the brokers to take something")
        caplog.clear()
        with broker.frozen():
            with pytest.raises(Unavailable, match="stream_unreachable"):
                journal.append([entry_of(_event("first"))])
            for number in range(1_000):
                with pytest.raises(Unavailable, match="stream_unreachable"):
                    journal.append_soon([entry_of(_event(f"e{number}"))])
            figures = journal.figures()
            assert (figures.up, figures.lag) == (False, {})
        wait_until(partial(taken, "after"), "the brokers to take something")
        assert journal.figures().up
        reader, read = Reader(topic, Lake(tmp_path / "lake"), group="g"), set[str]()
        while not read >= {"before", "after"}:
            read |= {message.envelope.id for message in reader.read(most=50, seconds=0.1)[0]}
        assert not any(name.startswith("e") for name in read)
        reader.close()
        journal.close()
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert said == ["Kafka is away", "Kafka is back"]


def test_a_reader_lets_frozen_brokers_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader whose brokers are frozen, with what it has read on its way to them, is closed all the same; the next one
    goes on from where the lake stands."""
    monkeypatch.setattr(reader_module, "_CLOSE_SECONDS", 0.5)
    with kafka_broker(tmp_path) as broker:
        topic = Topic.of(kafka_url(broker, "frozen-reader"))
        journal = KafkaJournal(topic, partitions=1, group="g")
        journal.append([entry_of(_event("before"))])
        lake, judge = Lake(tmp_path / "lake"), Judge(tmp_path / "journal.db")
        reader = Reader(topic, lake, group="g")
        upto: dict[str, int] = {}
        while not upto:
            _, upto = reader.read(most=50, seconds=0.1)
        with broker.frozen():
            reader.tell(upto)
            reader.close()
        assert _drain(topic, lake, judge, 1) == ["stored"]
        judge.close()
        journal.close()


def test_addresses_and_options_are_checked(shared_broker: Started, topic: Topic, journal: KafkaJournal) -> None:
    """A wrong scheme, a missing topic name and an option that the client does not know are named; a right one is told
    with its partitions."""
    for url in ("http://x/y", "kafka://x", "kafka://x/", "kafka:///y", "kafka://x/a/b"):
        with pytest.raises(SettingsError):
            Topic.of(url)
    journal.append([entry_of(_event("e1"))])
    assert check(kafka_url(shared_broker, topic.name)).partitions == 4
    with pytest.raises(SettingsError) as found:
        check(kafka_url(shared_broker, topic.name), {"no.such.option": "1"})
    assert "no.such.option" in str(found.value.facts["value"])
    with pytest.raises(Unavailable, match="stream_topic_missing"):
        check(kafka_url(shared_broker, "never-made"))


def test_envelopes_are_closed() -> None:
    """A message of another version or kind is not guessed at."""
    assert Envelope.__struct_fields__[:2] == ("v", "kind")
    assert unwrapped(wrapped(entry_of(_event("e1"))).replace(b'"v":1', b'"v":9')) is None
    assert unwrapped(wrapped(entry_of(_event("e1"))).replace(b'"kind":"event"', b'"kind":"rumour"')) is None
