using Confluent.Kafka;
using Google.Protobuf;
using Tally.MaterializerService.Feed;
using Tally.MaterializerService.Sinks;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

namespace Tally.Tests.Unit.Materializer;

public sealed class HourPartialKindTests
{
    private static readonly HourPartial Partial = new() { Hour = 7, Partition = 2, Generation = 1, NextOffset = 9, Clicks = 1, UniqueUsers = 1 };
    private static readonly Progress Progress = new() { Partition = 2, Generation = 1, NextOffset = 9 };

    [Test]
    public void Counts_and_progress_are_told_apart_by_their_keys()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Read(RecordKeys.HourPartial(7, 2), Partial.ToByteArray(), RecordTypes.HourPartial).Partial, Is.EqualTo(Partial));
            Assert.That(Read(RecordKeys.Progress(2), Progress.ToByteArray(), RecordTypes.Progress).Progress, Is.EqualTo(Progress));
        });
    }

    [Test]
    public void A_tombstone_is_neither() => Assert.That(Read(RecordKeys.HourPartial(7, 2), null, null), Is.EqualTo(default(PartialRecord<HourPartial>)));

    [Test]
    public void A_newer_type_is_refused_by_its_place_and_name() =>
        Assert.That(() => Read(RecordKeys.HourPartial(7, 2), Partial.ToByteArray(), "hour-partial/2"u8.ToArray()),
            Throws.InstanceOf<ConfigurationException>().With.Message.Contains("offset 5 of partition 2 of analytics.hours is of type 'hour-partial/2'"));

    [TestCase("8|2", TestName = "A_key_of_another_hour_is_refused")]
    [TestCase("7|3", TestName = "A_key_of_another_partition_is_refused")]
    [TestCase("hello", TestName = "A_key_of_no_known_form_is_refused")]
    [TestCase("", TestName = "An_empty_key_is_refused")]
    public void A_key_that_does_not_fit_is_refused(string key) =>
        Assert.That(() => Read(System.Text.Encoding.ASCII.GetBytes(key), Partial.ToByteArray(), null), Throws.InstanceOf<ConfigurationException>());

    [Test]
    public void Bytes_that_are_no_protobuf_are_refused() =>
        Assert.That(() => Read(RecordKeys.HourPartial(7, 2), [0xFF, 0xFF, 0xFF], null), Throws.InstanceOf<ConfigurationException>());

    [Test]
    public void Counts_that_cannot_be_are_refused([Values(-1, 70_389_529)] long hour, [Values(-1, 1)] long clicks)
    {
        var partial = new HourPartial(Partial) { Hour = hour, Clicks = clicks };

        Assert.That(() => Read(RecordKeys.HourPartial(hour, 2), partial.ToByteArray(), null), Throws.InstanceOf<ConfigurationException>());
    }

    private static PartialRecord<HourPartial> Read(byte[] key, byte[]? value, byte[]? type) =>
        new HourPartialKind().Read("analytics.hours", new FeedRecord(2, 5, key, value, type is null ? null : new Headers { { RecordTypes.Header, type } }));
}
