using Microsoft.Extensions.Logging.Abstractions;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Server;

/// <summary>When written data is flushed to the disk. A completed write survives kill -9 under every policy; only a power cut tells them apart.</summary>
public enum FlushPolicy
{
    /// <summary>The operating system decides.</summary>
    Never,

    /// <summary>At most <see cref="LocalBrokerOptions.FlushInterval"/> after the write.</summary>
    Interval,

    /// <summary>Before the answer; requests in flight share a flush.</summary>
    Group,
}

/// <summary>What to do when stored data is damaged before valid data.</summary>
public enum RecoveryMode
{
    /// <summary>Refuse to start, with a sentence that names the file.</summary>
    Refuse,

    /// <summary>Keep what stands before the damage, move the rest aside.</summary>
    Repair,
}

/// <summary>Settings of one broker. Every default can be overridden on the command line and by an environment variable <c>LocalBroker__Name</c>.</summary>
public sealed record LocalBrokerOptions
{
    /// <summary>Folder that holds everything the broker stores; created when missing.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Address to listen on. Loopback unless told otherwise: without TLS and users anybody who reaches it reads and writes everything.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Port to listen on; 0 lets the system choose.</summary>
    public int Port { get; init; } = 9092;

    /// <summary>Host name told to clients; <see cref="Host"/> when null.</summary>
    public string? AdvertisedHost { get; init; }

    /// <summary>PEM file with the certificate (and those that lead to its root); the listener then speaks TLS 1.2 and later only.</summary>
    public string? TlsCertificate { get; init; }

    /// <summary>PEM file with the certificate's key; <see cref="TlsCertificate"/> when null.</summary>
    public string? TlsKey { get; init; }

    /// <summary>File with lines name:password, readable by its owner only; the listener then asks for SASL/PLAIN.</summary>
    public string? SaslUsersFile { get; init; }

    /// <summary>Most connections at a time; further ones are closed at once.</summary>
    public int ConnectionsMax { get; init; } = 8000;

    /// <summary>How long a connection may be silent.</summary>
    public TimeSpan ConnectionIdleMax { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a client may take to send the rest of a request, to take an answer, or to log in.</summary>
    public TimeSpan ClientPatience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>When written data is flushed to the disk.</summary>
    public FlushPolicy Flush { get; init; } = FlushPolicy.Interval;

    /// <summary>Longest time between write and flush under <see cref="FlushPolicy.Interval"/>.</summary>
    public TimeSpan FlushInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>What to do about damage.</summary>
    public RecoveryMode Recovery { get; init; } = RecoveryMode.Refuse;

    /// <summary>Make a topic when a client that allows it asks for an unknown one.</summary>
    public bool AutoCreateTopics { get; init; }

    /// <summary>Partitions of a topic made without a number.</summary>
    public int DefaultPartitions { get; init; } = 1;

    /// <summary>Largest request taken; a larger one closes its connection.</summary>
    public int RequestBytesMax { get; init; } = 100 * 1024 * 1024;

    /// <summary>Shortest session time-out that a group member may ask for (Kafka's default is 6 s; tests want less).</summary>
    public TimeSpan GroupSessionTimeoutMin { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest session time-out that a group member may ask for.</summary>
    public TimeSpan GroupSessionTimeoutMax { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How long an empty group waits for further members after the first (Kafka: 3 s).</summary>
    public TimeSpan GroupInitialRebalanceDelay { get; init; } = TimeSpan.Zero;

    /// <summary>How long an empty group's offsets are kept.</summary>
    public TimeSpan OffsetsRetention { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Longest time-out that a transactional producer may ask for.</summary>
    public TimeSpan TransactionTimeoutMax { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long a partition remembers an idle producer.</summary>
    public TimeSpan ProducerIdExpiration { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How often retention, compaction and checkpoints are looked after.</summary>
    public TimeSpan MaintenanceInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Clock for every time-out and timestamp.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Where log lines go; nowhere by default.</summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;

    /// <summary>How files are written and flushed.</summary>
    internal Disk Disk { get; init; } = new();
}
