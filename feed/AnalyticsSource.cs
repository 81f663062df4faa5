using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Google.Protobuf;
using Tally.Shared.Contracts;

namespace Tally.Feed;

/// <summary>
/// Clicks and impressions as command-service would have put them there, raw users hashed: 95 in 100 of this hour, the others of the day before it, one click to
/// three impressions.
/// </summary>
/// <param name="users">Whose events they are, drawn by lot.</param>
public sealed class AnalyticsSource(long count, int users, int seed, UserHasher hasher, TimeProvider clock) : IFeedSource
{
    private const int HoursBefore = 24;
    private static readonly Headers Headers = new() { { RecordTypes.Header, RecordTypes.AnalyticsEvent } };

    public string Topic => "analytics.events";

    public (string Name, int Count)? Inside => null;

    public IEnumerable<(int? Partition, Message<byte[]?, byte[]?> Message)> Records
    {
        get
        {
            var random = new Random(seed);
            var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            var hour = Hours.StartMs(Hours.Of(now));
            for (long n = 0; n < count; n++)
            {
                var key = new byte[UserHasher.HashBytes];
                var user = string.Create(CultureInfo.InvariantCulture, $"user-{random.Next(users)}");
                BinaryPrimitives.WriteUInt128LittleEndian(key, hasher.HashUser(Encoding.ASCII.GetBytes(user)));
                var one = new AnalyticsEvent
                {
                    TimestampMs = random.Next(100) < 95 ? random.NextInt64(hour, now + 1) : random.NextInt64(hour - (HoursBefore * Hours.MillisecondsPerHour), hour),
                    Kind = random.Next(4) == 0 ? EventKind.Click : EventKind.Impression,
                    UserHash = UnsafeByteOperations.UnsafeWrap(key),
                };
                yield return (null, new Message<byte[]?, byte[]?> { Key = key, Value = one.ToByteArray(), Headers = Headers });
            }
        }
    }
}
