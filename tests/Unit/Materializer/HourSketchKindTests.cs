using System.Text;
using Confluent.Kafka;
using Google.Protobuf;
using Tally.MaterializerService.Feed;
using Tally.MaterializerService.Sinks;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Sketches;

namespace Tally.Tests.Unit.Materializer;

public sealed class HourSketchKindTests
{
    private static HourSketch Good => new()
    {
        Hour = 490_000,
        Partition = 2,
        Generation = 1,
        NextOffset = 7,
        Users = 1,
        Sketch = ByteString.CopyFrom(HyperLogLogFormat.Write(new HyperLogLog())),
    };

    [Test]
    public void A_sketch_is_read_and_a_tombstone_is_nothing()
    {
        Assert.That(Read("490000|2", Good).Partial, Is.EqualTo(Good));
        Assert.That(new HourSketchKind().Read("analytics.sketches", new FeedRecord(2, 5, "490000|2"u8.ToArray(), null, null)), Is.EqualTo(default(PartialRecord<HourSketch>)));
    }

    [Test]
    public void What_is_no_sketch_of_its_key_ends_the_sink_with_a_sentence()
    {
        void Refused(string key, Action<HourSketch> change, string? type = null)
        {
            var sketch = Good;
            change(sketch);
            Assert.That(() => Read(key, sketch, type), Throws.InstanceOf<ConfigurationException>().With.Message.Contains("offset 5 of partition 2 of analytics.sketches"));
        }
        Assert.Multiple(() =>
        {
            Refused("490001|2", _ => { });
            Refused("490000|1", _ => { });
            Refused("progress|2", _ => { });
            Refused("490000|2", s => s.Generation = 0);
            Refused("490000|2", s => s.Users = 0);
            Refused("490000|2", s => s.Sketch = ByteString.CopyFrom(2, 0));
            Refused("490000|2", _ => { }, "hour-sketch/2");
        });
    }

    private static PartialRecord<HourSketch> Read(string key, HourSketch sketch, string? type = null)
    {
        var headers = new Headers { { RecordTypes.Header, type is null ? RecordTypes.HourSketch : Encoding.ASCII.GetBytes(type) } };
        return new HourSketchKind().Read("analytics.sketches", new FeedRecord(2, 5, Encoding.ASCII.GetBytes(key), sketch.ToByteArray(), headers));
    }
}
