using Confluent.Kafka;
using Google.Protobuf;
using Tally.MaterializerService.Feed;
using Tally.MaterializerService.Sinks;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Materializer;

public sealed class FramePartialKindTests
{
    private static readonly FrameWindow Window = new() { Kind = "minute", Start = 60, End = 120, UniqueUsers = 2, Frames = 3, Generation = 1, Version = 9 };
    private static readonly Progress Progress = new() { Partition = 2, Generation = 1, NextOffset = 9 };

    [Test]
    public void Windows_and_progress_are_told_apart_by_their_keys()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Read(RecordKeys.FrameWindow("minute", 60), Window.ToByteArray(), RecordTypes.FrameWindow).Partial, Is.EqualTo(new FramePartial(2, Window)));
            Assert.That(Read(RecordKeys.Progress(2), Progress.ToByteArray(), RecordTypes.Progress).Progress, Is.EqualTo(Progress));
            Assert.That(Read(RecordKeys.FrameWindow("minute", 60), null, null), Is.EqualTo(default(PartialRecord<FramePartial>)), "a tombstone");
        });
    }

    [TestCase("window|minute|61")]
    [TestCase("window|day|60")]
    [TestCase("minute|60")]
    [TestCase("")]
    public void A_key_that_does_not_fit_is_refused(string key) =>
        Assert.That(() => Read(System.Text.Encoding.ASCII.GetBytes(key), Window.ToByteArray(), null), Throws.InstanceOf<ConfigurationException>());

    [Test]
    public void A_window_that_cannot_be_is_refused()
    {
        Action<FrameWindow>[] changes =
        [
            w => w.End = 60, w => w.UniqueUsers = -1, w => w.Frames = -1, w => w.Generation = 0, w => w.Version = 0, w => w.State = (FrameWindowState)7,
            w => w.StandardError = double.NaN, w => w.StandardError = -0.1, w => w.Kind = "hour",
        ];
        foreach (var change in changes)
        {
            var window = Window.Clone();
            change(window);
            Assert.That(() => Read(RecordKeys.FrameWindow(window.Kind, 60), window.ToByteArray(), RecordTypes.FrameWindow), Throws.InstanceOf<ConfigurationException>(), window.ToString());
        }
    }

    [Test]
    public void A_newer_type_and_bytes_that_are_no_protobuf_are_refused()
    {
        Assert.That(() => Read(RecordKeys.FrameWindow("minute", 60), Window.ToByteArray(), "frame-window/2"u8.ToArray()),
            Throws.InstanceOf<ConfigurationException>().With.Message.Contains("of type 'frame-window/2'"));
        Assert.That(() => Read(RecordKeys.FrameWindow("minute", 60), [0xFF, 0xFF], null), Throws.InstanceOf<ConfigurationException>());
    }

    private static PartialRecord<FramePartial> Read(byte[] key, byte[]? value, byte[]? type) =>
        new FramePartialKind().Read("frames.progress", new FeedRecord(2, 5, key, value, type is null ? null : new Headers { { RecordTypes.Header, type } }));
}
