using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Kafka.Fetching;

/// <summary>A message as rdkafka.h lays it out (<c>rd_kafka_message_t</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct NativeMessage
{
    /// <summary>0, or what it says instead of a record.</summary>
    public int Error;
    public nint Topic;
    public int Partition;
    public byte* Payload;
    public nuint PayloadLength;
    public byte* Key;
    public nuint KeyLength;
    public long Offset;
    public nint Private;
}

/// <summary>
/// Calls of librdkafka that Confluent's client does not offer, in the very library that client has loaded: handles of one are of no use in another.
/// </summary>
internal static unsafe class Librdkafka
{
    private static readonly nint Library = Loaded();

    public static readonly delegate* unmanaged<nint, nint> NewQueue = (delegate* unmanaged<nint, nint>)Call("rd_kafka_queue_new");
    public static readonly delegate* unmanaged<nint, void> DestroyQueue = (delegate* unmanaged<nint, void>)Call("rd_kafka_queue_destroy");
    public static readonly delegate* unmanaged<nint, byte*, int, nint> PartitionQueue = (delegate* unmanaged<nint, byte*, int, nint>)Call("rd_kafka_queue_get_partition");
    public static readonly delegate* unmanaged<nint, nint, void> Forward = (delegate* unmanaged<nint, nint, void>)Call("rd_kafka_queue_forward");
    public static readonly delegate* unmanaged<nint, nuint> QueueLength = (delegate* unmanaged<nint, nuint>)Call("rd_kafka_queue_length");
    public static readonly delegate* unmanaged<nint, int, NativeMessage**, nint, nint> ConsumeBatch =
        (delegate* unmanaged<nint, int, NativeMessage**, nint, nint>)Call("rd_kafka_consume_batch_queue");
    public static readonly delegate* unmanaged<NativeMessage*, void> DestroyMessage = (delegate* unmanaged<NativeMessage*, void>)Call("rd_kafka_message_destroy");
    public static readonly delegate* unmanaged[SuppressGCTransition]<NativeMessage*, int*, long> Timestamp =
        (delegate* unmanaged[SuppressGCTransition]<NativeMessage*, int*, long>)Call("rd_kafka_message_timestamp");
    public static readonly delegate* unmanaged<NativeMessage*, nint*, int> Headers = (delegate* unmanaged<NativeMessage*, nint*, int>)Call("rd_kafka_message_headers");
    public static readonly delegate* unmanaged<nint, nuint, byte**, byte**, nuint*, int> Header =
        (delegate* unmanaged<nint, nuint, byte**, byte**, nuint*, int>)Call("rd_kafka_header_get_all");
    public static readonly delegate* unmanaged<nint, byte*, int, long*, long*, int> KnownEnds =
        (delegate* unmanaged<nint, byte*, int, long*, long*, int>)Call("rd_kafka_get_watermark_offsets");
    public static readonly delegate* unmanaged<int, nint> NewList = (delegate* unmanaged<int, nint>)Call("rd_kafka_topic_partition_list_new");
    public static readonly delegate* unmanaged<nint, byte*, int, nint> AddToList = (delegate* unmanaged<nint, byte*, int, nint>)Call("rd_kafka_topic_partition_list_add");
    public static readonly delegate* unmanaged<nint, void> DestroyList = (delegate* unmanaged<nint, void>)Call("rd_kafka_topic_partition_list_destroy");
    public static readonly delegate* unmanaged<nint, nint, int, int> OffsetsForTimes = (delegate* unmanaged<nint, nint, int, int>)Call("rd_kafka_offsets_for_times");

    /// <summary>The client itself (<c>rd_kafka_t</c>). Holds until it is disposed.</summary>
    public static nint Client(IClient client)
    {
        var property = typeof(Handle).GetProperty("LibrdkafkaHandle", BindingFlags.Instance | BindingFlags.NonPublic)
            ?? throw new MissingMemberException("This version of Confluent.Kafka keeps its native handle elsewhere.");
        return ((SafeHandle)property.GetValue(client.Handle)!).DangerousGetHandle();
    }

    private static void* Call(string name) => (void*)NativeLibrary.GetExport(Library, name);

    private static nint Loaded()
    {
        using var process = Process.GetCurrentProcess();
        foreach (ProcessModule module in process.Modules)
            if (module.FileName is { } file && Path.GetFileName(file).Contains("librdkafka", StringComparison.Ordinal)) return NativeLibrary.Load(file);
        throw new DllNotFoundException("No librdkafka is loaded: make a Kafka client first.");
    }
}
