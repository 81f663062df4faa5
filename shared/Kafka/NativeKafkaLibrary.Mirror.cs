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
    private static int _set;

    /// <summary>Points the Kafka client to its native library; called before the first client is made. Harmless to repeat.</summary>
    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255", Justification = "Any use of shared must have the resolver set first.")]
    public static void Load()
    {
        if (Interlocked.Exchange(ref _set, 1) == 0)
            NativeLibrary.SetDllImportResolver(typeof(Library).Assembly, Resolve);
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (!name.StartsWith("librdkafka", StringComparison.Ordinal)) return 0;
        return NativeLibrary.TryLoad(SystemName, out var handle)
            ? handle
            : throw new DllNotFoundException(
                $"{SystemName} was not found. Install it from the system's packages (Debian, Ubuntu: apt-get install librdkafka1) and start again.");
    }
}
