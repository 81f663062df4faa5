"""kafka-python against a broker: one line "ok <what>" for each thing that held. Usage: python_client.py HOST:PORT"""
import sys
import threading
import time

try:
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
    from kafka.errors import MessageSizeTooLargeError, TopicAlreadyExistsError, UnknownTopicOrPartitionError
except ImportError:
    sys.exit(77)

bootstrap = sys.argv[1]
admin = KafkaAdminClient(bootstrap_servers=bootstrap)


def ok(what):
    print("ok", what, flush=True)


def read(topic, count, partition=0, **options):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=10000, auto_offset_reset="earliest", **options)
    consumer.assign([TopicPartition(topic, partition)])
    found = []
    for record in consumer:
        found.append(record)
        if len(found) == count:
            break
    return consumer, found


def topics():
    admin.create_topics([NewTopic("py", 2, 1, topic_configs={"max.message.bytes": "5000"})])
    try:
        admin.create_topics([NewTopic("py", 2, 1)])
        raise AssertionError("made twice")
    except TopicAlreadyExistsError:
        pass
    admin.create_partitions({"py": NewPartitions(3)})
    resource = ConfigResource(ConfigResourceType.TOPIC, "py")
    entries = {e[0]: e[1] for e in admin.describe_configs([resource])[0].resources[0][4]}
    assert entries["max.message.bytes"] == "5000", entries
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "py", configs={"retention.ms": "100000", "max.message.bytes": "5000"})])
    entries = {e[0]: e[1] for e in admin.describe_configs([resource])[0].resources[0][4]}
    assert entries["retention.ms"] == "100000", entries
    assert len(admin.describe_topics(["py"])[0]["partitions"]) == 3
    ok("topics")


def codecs():
    for number, codec in enumerate([None, "gzip", "snappy", "lz4"]):
        name = "py-%s" % codec
        admin.create_topics([NewTopic(name, 1, 1)])
        try:
            producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, acks="all", linger_ms=20)
        except AssertionError as e:
            ok("%s is not in this Python: %s" % (codec, e))
            continue
        futures = [producer.send(name, key=b"k%d" % i, value=b"value %d" % i * 20, timestamp_ms=1000000 + i * 10, headers=[("h", b"%d" % i)]) for i in range(500)]
        assert [f.get(timeout=10).offset for f in futures] == list(range(500))
        producer.close()
        consumer, found = read(name, 500)
        assert [(r.key, r.value, r.timestamp, r.headers) for r in found] == [
            (b"k%d" % i, b"value %d" % i * 20, 1000000 + i * 10, [("h", b"%d" % i)]) for i in range(500)], codec
        partition = TopicPartition(name, 0)
        assert consumer.beginning_offsets([partition])[partition] == 0 and consumer.end_offsets([partition])[partition] == 500
        at = consumer.offsets_for_times({partition: 1002345})[partition]
        assert (at.offset, at.timestamp) == (235, 1002350), at
        consumer.seek(partition, 471)
        assert next(consumer).offset == 471
        consumer.seek_to_end(partition)
        assert consumer.position(partition) == 500
        consumer.close()
        ok("codec %s: from the beginning, an offset, a time and the end" % codec)


def groups():
    admin.create_topics([NewTopic("py-group", 4, 1)])
    stop = threading.Event()
    seen, shares = [], {}

    def member(name, until):
        consumer = KafkaConsumer("py-group", bootstrap_servers=bootstrap, group_id="py-group", auto_offset_reset="earliest", client_id=name,
                                 session_timeout_ms=6000, heartbeat_interval_ms=200, enable_auto_commit=False, consumer_timeout_ms=200)
        while not until.is_set():
            for record in consumer:
                seen.append(record.value)
            shares[name] = len(consumer.assignment())
            if consumer.assignment():
                try:
                    consumer.commit()
                except Exception as e:  # a rebalance in between: the next round commits
                    print("commit again:", type(e).__name__)
        shares.pop(name)
        consumer.close()

    def until(what, holds):
        end = time.time() + 20
        while not holds():
            assert time.time() < end, "%s: %s" % (what, shares)
            time.sleep(0.05)

    leave = threading.Event()
    first = threading.Thread(target=member, args=("first", stop))
    second = threading.Thread(target=member, args=("second", leave))
    first.start()
    until("one has all", lambda: shares.get("first") == 4)
    second.start()
    until("two share", lambda: sorted(shares.values()) == [2, 2])
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for i in range(200):
        producer.send("py-group", value=b"%d" % i, partition=i % 4)
    producer.flush()
    until("all is read", lambda: len(set(seen)) == 200)
    assert [g[0] for g in admin.list_consumer_groups() if g[0] == "py-group"]
    assert admin.describe_consumer_groups(["py-group"])[0].state in ("Stable", "PreparingRebalance", "CompletingRebalance")
    leave.set()
    second.join()
    until("one has all again", lambda: shares.get("first") == 4)
    stop.set()
    first.join()
    committed = admin.list_consumer_group_offsets("py-group")
    assert {p.partition: o.offset for p, o in committed.items()} == {p: 50 for p in range(4)}, committed
    admin.delete_consumer_groups(["py-group"])
    assert "py-group" not in [g[0] for g in admin.list_consumer_groups()]
    ok("groups: members come and go, offsets stay")


def refusals():
    producer = KafkaProducer(bootstrap_servers=bootstrap, max_request_size=10000)
    try:
        producer.send("py", value=b"x" * 6000, partition=0).get(timeout=10)
        raise AssertionError("too large was taken")
    except MessageSizeTooLargeError:
        pass
    producer.close()
    admin.delete_topics(["py"])
    try:
        admin.delete_topics(["py"])
        raise AssertionError("deleted twice")
    except UnknownTopicOrPartitionError:
        pass
    ok("refusals")


topics()
codecs()
groups()
refusals()
admin.close()
print("done")
