using System.Collections;
using System.Globalization;
using System.Runtime.InteropServices;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Server;

/// <summary>The broker as a program: options from the command line and from <c>LocalBroker__*</c> variables, one line when ready, a sentence when not.</summary>
internal static class CommandLine
{
    private const string EnvironmentPrefix = "LocalBroker__";
    private const int UsageError = 2;
    private const int StartError = 1;

    private static readonly Setting[] Settings =
    [
        new("data", "DIR", "folder for everything stored (required)", (o, v) => o with { DataDirectory = v }),
        new("host", "ADDRESS", "address to listen on (127.0.0.1)", (o, v) => o with { Host = v }),
        new("port", "NUMBER", "port to listen on, 0 for any (9092)", (o, v) => o with { Port = Int(v, 0, 65535) }),
        new("advertised-host", "NAME", "host name told to clients (the address listened on)", (o, v) => o with { AdvertisedHost = v }),
        new("tls-certificate", "FILE", "PEM certificate: listen with TLS (none)", (o, v) => o with { TlsCertificate = v }),
        new("tls-key", "FILE", "PEM key of the certificate (in its file)", (o, v) => o with { TlsKey = v }),
        new("sasl-users", "FILE", "lines of name:password, mode 600: ask for SASL/PLAIN (none)", (o, v) => o with { SaslUsersFile = v }),
        new("connections-max", "NUMBER", "most connections at a time (8000)", (o, v) => o with { ConnectionsMax = Int(v, 1, 1_000_000) }),
        new("connection-idle-max-ms", "NUMBER", "how long a connection may be silent (600000)", (o, v) => o with { ConnectionIdleMax = Ms(v) }),
        new("client-patience-ms", "NUMBER", "how long a client may take to send or to receive (60000)", (o, v) => o with { ClientPatience = Ms(v) }),
        new("flush", "POLICY", "never, interval or group: what a power cut may lose (interval)", (o, v) => o with { Flush = Policy(v) }),
        new("flush-interval-ms", "NUMBER", "longest time until a flush (1000)", (o, v) => o with { FlushInterval = Ms(v) }),
        new("auto-create-topics", "BOOL", "make unknown topics on request (false)", (o, v) => o with { AutoCreateTopics = Bool(v) }),
        new("default-partitions", "NUMBER", "partitions of a topic made without a number (1)", (o, v) => o with { DefaultPartitions = Int(v, 1, 10_000) }),
        new("group-session-timeout-min-ms", "NUMBER", "shortest session a group member may ask for (1000)", (o, v) => o with { GroupSessionTimeoutMin = Ms(v) }),
        new("group-initial-rebalance-delay-ms", "NUMBER", "how long an empty group waits for more members (0)", (o, v) => o with { GroupInitialRebalanceDelay = Ms(v) }),
        new("transaction-timeout-max-ms", "NUMBER", "longest transaction time-out (900000)", (o, v) => o with { TransactionTimeoutMax = Ms(v) }),
        new("maintenance-interval-ms", "NUMBER", "how often retention and compaction run (15000)", (o, v) => o with { MaintenanceInterval = Ms(v) }),
        new("repair", "BOOL", "on damage keep what stands before it and move the rest aside (false)", (o, v) => o with { Recovery = Bool(v) ? RecoveryMode.Repair : RecoveryMode.Refuse }),
    ];

    public static async Task<int> RunAsync(string[] args)
    {
        if (args.Any(a => a is "--help" or "-h" or "-?"))
        {
            await Console.Out.WriteAsync(Help());
            return 0;
        }

        LocalBrokerOptions options;
        try
        {
            options = Parse(args, Environment.GetEnvironmentVariables());
        }
        catch (FormatException e)
        {
            await Console.Error.WriteLineAsync($"local-broker: {e.Message}");
            return UsageError;
        }

        HandleOnSocketThreads();
        using ILoggerFactory logs = LoggerFactory.Create(b => b.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning)
            .AddSimpleConsole(c => (c.SingleLine, c.TimestampFormat, c.UseUtcTimestamp) = (true, "HH:mm:ss.fff ", true)));
        try
        {
            await ServeAsync(options with { LoggerFactory = logs });
            return 0;
        }
        catch (Exception e) when (e is DataFolderException or IOException)
        {
            await Console.Error.WriteLineAsync($"local-broker: {e.Message}");
            return StartError;
        }
    }

    /// <summary>Variables first, then the command line over them. Throws <see cref="FormatException"/> with a sentence.</summary>
    internal static LocalBrokerOptions Parse(string[] args, IDictionary environment)
    {
        var options = new LocalBrokerOptions { DataDirectory = "" };
        foreach (DictionaryEntry variable in environment)
        {
            if (variable is { Key: string key, Value: string value } && key.StartsWith(EnvironmentPrefix, StringComparison.OrdinalIgnoreCase))
                options = Apply(options, key, Find(key[EnvironmentPrefix.Length..]) ?? throw new FormatException($"the variable {key} is not known; see --help"), value);
        }

        for (int i = 0; i < args.Length; i++)
        {
            string name = args[i], value;
            Setting setting = (name.StartsWith("--", StringComparison.Ordinal) ? Find(name[2..].Split('=')[0]) : null)
                ?? throw new FormatException($"the option {name} is not known; see --help");
            if (name.Contains('='))
                value = name[(name.IndexOf('=') + 1)..];
            else if (setting.Value == "BOOL" && (i + 1 == args.Length || args[i + 1].StartsWith("--", StringComparison.Ordinal)))
                value = "true";
            else
                value = ++i < args.Length ? args[i] : throw new FormatException($"the option {name} needs a value");
            options = Apply(options, name.Split('=')[0], setting, value);
        }

        return options.DataDirectory.Length > 0 ? options : throw new FormatException("--data DIR is required; see --help");
    }

    // Most requests are short and none waits on a thread: handing each to the thread pool would cost more than its work (docs/decisions/0011).
    private static void HandleOnSocketThreads()
    {
        const string inline = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
        if (Environment.GetEnvironmentVariable(inline) is null)
            Environment.SetEnvironmentVariable(inline, "1");
    }

    private static async Task ServeAsync(LocalBrokerOptions options)
    {
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.TrySetResult();
        }

        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        await using LocalBrokerServer broker = await LocalBrokerServer.StartAsync(options);
        await Console.Out.WriteLineAsync($"local-broker ready on {broker.BootstrapServers}, data in {Path.GetFullPath(options.DataDirectory)}, flush {options.Flush}");
        await stop.Task;
    }

    private static LocalBrokerOptions Apply(LocalBrokerOptions options, string given, Setting setting, string value)
    {
        try
        {
            return setting.Apply(options, value);
        }
        catch (FormatException e)
        {
            throw new FormatException($"{given}: '{value}' {e.Message}", e);
        }
    }

    // LocalBroker__FlushIntervalMs, LocalBroker__flush-interval-ms and --flush-interval-ms are the same setting.
    private static Setting? Find(string name)
    {
        string plain = name.Replace("-", "", StringComparison.Ordinal);
        return Array.Find(Settings, s => s.Name.Replace("-", "", StringComparison.Ordinal).Equals(plain, StringComparison.OrdinalIgnoreCase));
    }

    private static string Help() =>
        "local-broker: a single-node broker that speaks Kafka's protocol\n\nusage: Tally.LocalBroker --data DIR [options]\n\n"
        + string.Concat(Settings.Select(s => $"  {"--" + s.Name + " " + s.Value,-44}{s.Meaning}\n"))
        + "\nEach option is also read from an environment variable, e.g. LocalBroker__FlushIntervalMs.\n";

    private static int Int(string text, int min, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max
            ? value : throw new FormatException($"is not a number from {min} to {max}");

    private static TimeSpan Ms(string text) => TimeSpan.FromMilliseconds(Int(text, 0, int.MaxValue));

    private static bool Bool(string text) => bool.TryParse(text, out bool value) ? value : throw new FormatException("is neither true nor false");

    private static FlushPolicy Policy(string text) =>
        Enum.GetNames<FlushPolicy>().Contains(text, StringComparer.OrdinalIgnoreCase) ? Enum.Parse<FlushPolicy>(text, ignoreCase: true)
            : throw new FormatException("is not never, interval or group");

    private sealed record Setting(string Name, string Value, string Meaning, Func<LocalBrokerOptions, string, LocalBrokerOptions> Apply);
}
