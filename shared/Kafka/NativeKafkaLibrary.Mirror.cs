using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Tally.Shared.Kafka;

/// <summary>
/// The mirror package set has no librdkafka of its own: the client's calls go to the system's library (Debian: librdkafka1).
/// </summary>
public static class NativeKafkaLibrary
{
    private const string SystemName = "librdkafka.so.1";
    private const string Bindings = "Confluent.Kafka.Impl.Librdkafka";
    private static int _set;

    /// <summary>Points the Kafka client to its native library; called before the first client is made. Harmless to repeat.</summary>
    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255", Justification = "Any use of shared must have the resolver set first.")]
    public static void Load()
    {
        if (Interlocked.Exchange(ref _set, 1) != 0) return;
        NativeLibrary.SetDllImportResolver(typeof(Library).Assembly, Resolve);
        if (NativeLibrary.TryLoad(SystemName, out var handle)) FillGaps(handle);
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (!name.StartsWith("librdkafka", StringComparison.Ordinal)) return 0;
        return NativeLibrary.TryLoad(SystemName, out var handle)
            ? handle
            : throw new DllNotFoundException(
                $"{SystemName} was not found. Install it from the system's packages (Debian, Ubuntu: apt-get install librdkafka1) and start again.");
    }

    /// <summary>
    /// librdkafka before 2.1 has no leader epochs in lists of partitions, but the client asks for them in every rebalance and for every
    /// committed offset. The client keeps its native calls as delegates: those that the library lacks get one that knows no epoch.
    /// </summary>
    private static void FillGaps(nint library)
    {
        var bindings = typeof(Library).Assembly.GetType(Bindings, throwOnError: true)!;
        bindings.GetMethod("Initialize", BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)!.Invoke(null, [null]);
        Fill(library, bindings, "message_leader_epoch", nameof(NoEpoch));
        Fill(library, bindings, "topic_partition_get_leader_epoch", nameof(NoEpoch));
        Fill(library, bindings, "topic_partition_set_leader_epoch", nameof(IgnoreEpoch));
    }

    private static void Fill(nint library, Type bindings, string call, string standIn)
    {
        if (NativeLibrary.TryGetExport(library, "rd_kafka_" + call, out _)) return;
        var field = bindings.GetField("_" + call, BindingFlags.Static | BindingFlags.NonPublic)!;
        field.SetValue(null, typeof(NativeKafkaLibrary).GetMethod(standIn, BindingFlags.Static | BindingFlags.NonPublic)!.CreateDelegate(field.FieldType));
    }

    private static int NoEpoch(nint of) => -1;

    private static void IgnoreEpoch(nint of, int epoch)
    {
    }
}
