using System.Buffers.Binary;
using System.Text;
using Confluent.Kafka;
using Google.Protobuf;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor;

/// <summary>Records as command-service and outside producers write them.</summary>
public static class Events
{
    public static readonly UserHasher Hasher = new(new byte[UserHasher.KeyBytes]);

    public sealed record Made(byte[]? Key, byte[]? Value, Headers Headers)
    {
        public int Partition(int count) => Key is null ? 0 : Murmur2.Partition(Key, count);
    }

    public static Made Hashed(string user, long timestampMs, EventKind kind, string? id = null)
    {
        var hash = Hasher.HashUser(Encoding.UTF8.GetBytes(user));
        var key = Bytes(hash);
        var value = new AnalyticsEvent { TimestampMs = timestampMs, Kind = kind, UserHash = ByteString.CopyFrom(key) };
        if (id is not null) value.IdHash = ByteString.CopyFrom(Bytes(Hasher.HashId(hash, Encoding.UTF8.GetBytes(id))));
        return new Made(key, value.ToByteArray(), new Headers { { RecordTypes.Header, RecordTypes.AnalyticsEvent } });
    }

    public static Made Raw(string user, long timestampMs, EventKind kind) =>
        new(Encoding.UTF8.GetBytes(user), new AnalyticsEvent { TimestampMs = timestampMs, Kind = kind, UserId = user }.ToByteArray(), []);

    private static byte[] Bytes(UInt128 hash)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, hash);
        return bytes;
    }
}
