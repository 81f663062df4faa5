using System.Runtime.InteropServices;

namespace Tally.Tests.Support.LocalBroker;

/// <summary>Lets Confluent.Kafka find the system's librdkafka where its own native package is not there.</summary>
public static class NativeKafkaForTests
{
    private static readonly Lazy<bool> Available = new(Load);

    /// <summary>Whether a native library was found; tests that need it are skipped without.</summary>
    public static bool TryLoad() => Available.Value;

    private static bool Load()
    {
        try
        {
            NativeLibrary.SetDllImportResolver(
                typeof(Confluent.Kafka.Library).Assembly,
                static (name, _, _) => name.StartsWith("librdkafka", StringComparison.Ordinal) && NativeLibrary.TryLoad("librdkafka.so.1", out IntPtr handle) ? handle : IntPtr.Zero);
        }
        catch (InvalidOperationException)
        {
            // Somebody else has set the resolver already.
        }

        try
        {
            return Confluent.Kafka.Library.Version > 0;
        }
        catch (DllNotFoundException)
        {
            return false;
        }
    }
}
