using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;

namespace Tally.ProcessorService.Engine;

/// <summary>Section <c>Processor</c>: how the engine runs its job.</summary>
public sealed class ProcessorOptions
{
    public const string Section = "Processor";
    public const string Native = "native";
    public const string Streamiz = "streamiz";
    public const string Direct = "direct";
    public const int LeastChunkHashes = 8;
    private const string AnalyticsSuffix = "-analytics";

    private const string WrongFetching = "Processor:Fetching must be direct or librdkafka.";
    private const string WrongEngine = "Processor:Engine must be native or streamiz.";

    /// <summary>
    /// Which engine runs the hourly analytics: <c>native</c>, or <c>streamiz</c> where its package is part of the build. The engines keep state of their own:
    /// changing it needs a rebuild into a new generation. Why native is the default: docs/decisions/0051.
    /// </summary>
    [RegularExpression("^(native|streamiz)$", ErrorMessage = WrongEngine)]
    [Required(ErrorMessage = WrongEngine)]
    public string Engine { get; set; } = Native;

    /// <summary>Where Streamiz keeps its stores, a folder for each instance below it.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Processor:StreamizFolder is empty: set it to a folder of this machine.")]
    public string StreamizFolder { get; set; } = "data/streamiz";

    /// <summary>
    /// What this process runs, separated by commas: <c>analytics</c>, <c>flows</c>, <c>frames</c>, <c>colours</c>. Instances may differ; those that run the same job share its
    /// partitions.
    /// </summary>
    [RegularExpression("^(analytics|flows|frames|colours)(,(analytics|flows|frames|colours))*$", ErrorMessage = "Processor:Jobs must name analytics, flows, frames or colours, or several separated by commas.")]
    [Required(ErrorMessage = "Processor:Jobs must name analytics, flows, frames or colours, or several separated by commas.")]
    public string Jobs { get; set; } = "analytics,flows,colours,frames";

    /// <summary>
    /// Consumer group of the hourly analytics; the instances that share the partitions have the same one. Another job's name is put in the place of
    /// <c>-analytics</c>, or behind it all, as in <see cref="TransactionalIdPrefix"/>.
    /// </summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Processor:Group is empty: set it to the name of the consumer group.")]
    public string Group { get; set; } = "tally-processor-analytics";

    /// <summary>First part of the transactional id, the rest is <see cref="Instance"/>.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Processor:TransactionalIdPrefix is empty: set it to a name no other application uses.")]
    public string TransactionalIdPrefix { get; set; } = "tally-processor-analytics";

    /// <summary>
    /// Name of this process slot, the same after every restart and unlike that of any other running instance; <c>{host}</c> stands for the host's name.
    /// </summary>
    [RegularExpression("^[A-Za-z0-9._-]{1,100}$", ErrorMessage = "Processor:Instance must be 1 to 100 letters, digits, dots, dashes or underscores.")]
    [Required(ErrorMessage = "Processor:Instance must be 1 to 100 letters, digits, dots, dashes or underscores.")]
    public string Instance { get; set => field = InstanceName.Of(value); } = "1";

    /// <summary>
    /// Joins the group under the instance's name, so that a killed instance that comes back takes its partitions at once. One that is told to end leaves by name and hands
    /// over at once, with or without it; where brokers are reached through librdkafka only, which cannot do that, after <see cref="SessionTimeout"/>, as a killed one that stays away.
    /// </summary>
    public bool StaticMembership { get; set; } = true;

    /// <summary>How long the group waits for a silent instance. Brokers allow 6 s at least unless told otherwise.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00", ErrorMessage = "Processor:SessionTimeout must be from 1 second to 5 minutes.")]
    public TimeSpan SessionTimeout { get; set; } = TimeSpan.FromSeconds(6);

    /// <summary>
    /// Keeps copies of the state of all partitions that other instances count, warm from their changelog, so that taking one over takes
    /// moments. They share <c>State:MemoryBudget</c> and disk with the own ones.
    /// </summary>
    public bool Standby { get; set; }

    /// <summary>
    /// Generation of the hourly analytics, 1 to 1,000,000. <c>rebuild</c> counts the next one under topics, group and transactional ids of its own; once
    /// readers use that one, it is set here.
    /// </summary>
    [Range(1, 1_000_000, ErrorMessage = "Processor:Generation must be from 1 to 1000000.")]
    public int Generation { get; set; } = 1;

    /// <summary>Time from the first uncounted event to the commit while the topic is followed closely.</summary>
    [Range(typeof(TimeSpan), "00:00:00.005", "00:00:05", ErrorMessage = "Processor:CommitInterval must be from 5 milliseconds to 5 seconds.")]
    public TimeSpan CommitInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The same while a backlog is worked off.</summary>
    [Range(typeof(TimeSpan), "00:00:00.005", "00:00:08", ErrorMessage = "Processor:BacklogCommitInterval must be from 5 milliseconds to 8 seconds.")]
    public TimeSpan BacklogCommitInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Most events of one commit, 1 to 10,000,000.</summary>
    [Range(1, 10_000_000, ErrorMessage = "Processor:BacklogCommitRecords must be from 1 to 10000000.")]
    public int BacklogCommitRecords { get; set; } = 500_000;

    /// <summary>How often an idle partition says that it is up to date.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00", ErrorMessage = "Processor:HeartbeatInterval must be from 100 milliseconds to 1 minute.")]
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest a fetch waits at the broker for new events; an idle partition's numbers are as of this long ago.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:00:05", ErrorMessage = "Processor:FetchWait must be from 10 milliseconds to 5 seconds.")]
    public TimeSpan FetchWait { get; set; } = TimeSpan.FromMilliseconds(25);

    /// <summary>A fetch is answered sooner when this many bytes are there, 1 to 1,048,576: fewer, larger answers cost broker and processor less.</summary>
    [Range(1, 1 << 20, ErrorMessage = "Processor:FetchBytes must be from 1 to 1048576.")]
    public int FetchBytes { get; set; } = 64 * 1024;

    /// <summary>After this long the broker ends the transaction of a process that fell silent.</summary>
    [Range(typeof(TimeSpan), "00:00:02", "00:00:10", ErrorMessage = "Processor:TransactionTimeout must be from 2 to 10 seconds.")]
    public TimeSpan TransactionTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>New user and id hashes a changelog record holds at most, 8 to 16,384.</summary>
    [Range(LeastChunkHashes, 16_384, ErrorMessage = "Processor:ChunkHashes must be from 8 to 16384.")]
    public int ChunkHashes { get; set; } = 256;

    /// <summary>
    /// An hour's sketch of its users is sent at most so often, 1 second to 1 day; ranges of several hours are estimated from these. While many hours change, less often.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00", ErrorMessage = "Processor:SketchInterval must be from 1 second to 1 day.")]
    public TimeSpan SketchInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How records are read: <c>direct</c>, over connections of the engine's own, or <c>librdkafka</c>, which takes about twice the CPU. Where <c>Kafka:Client</c> asks for
    /// encryption or a login, or records are compressed, they come through librdkafka in either case.
    /// </summary>
    [RegularExpression("^(direct|librdkafka)$", ErrorMessage = WrongFetching)]
    [Required(ErrorMessage = WrongFetching)]
    public string Fetching { get; set; } = Direct;

    /// <summary>Events of a partition fetched ahead through librdkafka, about, 100 to 1,000,000.</summary>
    [Range(100, 1_000_000, ErrorMessage = "Processor:PrefetchRecords must be from 100 to 1000000.")]
    public int PrefetchRecords { get; set; } = 20_000;

    /// <summary>Events fetched ahead in KiB over all partitions, about, 256 to 1,048,576.</summary>
    [Range(256, 1_048_576, ErrorMessage = "Processor:PrefetchKilobytes must be from 256 to 1048576.")]
    public int PrefetchKilobytes { get; set; } = 8_192;

    /// <summary>A poison record larger than this (key and value in bytes) is cut to it in the dead letters, 1,024 to 100,000,000.</summary>
    [Range(1024, 100_000_000, ErrorMessage = "Processor:DeadLetterBytes must be from 1024 to 100000000.")]
    public int DeadLetterBytes { get; set; } = 900_000;

    /// <summary>
    /// Goes on at the oldest event there is when events were removed before they were counted, instead of refusing to start. Those events
    /// are lost for the counts: only for a person to set, once.
    /// </summary>
    public bool AcceptLostEvents { get; set; }

    public string TransactionalId => $"{TransactionalIdPrefix}-{Instance}";

    /// <summary>Group and transactional ids of a rebuilt generation are its own, so that it runs beside the one before.</summary>
    public void NameByGeneration()
    {
        if (Generation == 1) return;
        var ending = string.Create(System.Globalization.CultureInfo.InvariantCulture, $".g{Generation}");
        (Group, TransactionalIdPrefix) = (Group + ending, TransactionalIdPrefix + ending);
    }

    /// <summary>Whether the settings name the job; to be asked before the options are bound.</summary>
    public static bool Runs(IConfiguration settings, string job) =>
        (settings[$"{Section}:{nameof(Jobs)}"] ?? new ProcessorOptions().Jobs).Split(',').Contains(job);

    /// <summary>
    /// The same for a job beside the hourly analytics: group and transactional id are its own, and carry its name. <see cref="Generation"/> is of
    /// the hourly analytics; other jobs have one of their own, if any.
    /// </summary>
    public ProcessorOptions For(string job)
    {
        var options = (ProcessorOptions)MemberwiseClone();
        var ending = string.Create(System.Globalization.CultureInfo.InvariantCulture, $".g{Generation}");
        if (Generation > 1) (options.Group, options.TransactionalIdPrefix) = (Without(Group, ending), Without(TransactionalIdPrefix, ending));
        options.Generation = 1;
        options.Group = Named(options.Group, job);
        options.TransactionalIdPrefix = Named(options.TransactionalIdPrefix, job);
        return options;
    }

    private static string Without(string name, string ending) => name.EndsWith(ending, StringComparison.Ordinal) ? name[..^ending.Length] : name;

    private static string Named(string name, string job) => $"{(name.EndsWith(AnalyticsSuffix, StringComparison.Ordinal) ? name[..^AnalyticsSuffix.Length] : name)}-{job}";
}

/// <summary>Rules that span keys.</summary>
public sealed class ProcessorOptionsRules : IValidateOptions<ProcessorOptions>
{
    public ValidateOptionsResult Validate(string? name, ProcessorOptions options)
    {
        var faults = new List<string>();
        if (options.CommitInterval > options.BacklogCommitInterval)
            faults.Add("Processor:CommitInterval must not be longer than Processor:BacklogCommitInterval.");
        if (options.BacklogCommitInterval >= options.TransactionTimeout)
            faults.Add("Processor:BacklogCommitInterval must be shorter than Processor:TransactionTimeout.");
        if (options.Engine == ProcessorOptions.Streamiz && !EngineChoice.HasStreamiz)
            faults.Add("Processor:Engine is streamiz, which is not part of this build: set it to native, or build with the full package set.");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
