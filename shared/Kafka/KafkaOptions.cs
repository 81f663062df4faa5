using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tally.Shared.Kafka;

/// <summary>Section <c>Kafka</c>: which Kafka, and what its topics are called.</summary>
public sealed class KafkaOptions
{
    public const string Section = "Kafka";

    /// <summary>Largest record of the topic of flows in bytes.</summary>
    public const int FlowArrayBytesMax = 16 << 20;

    /// <summary><c>host:port</c>, several separated by commas.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Kafka:BootstrapServers is empty: set it to host:port of a broker.")]
    public string BootstrapServers { get; set; } = "127.0.0.1:9092";

    /// <summary>
    /// Any librdkafka property, handed to every client as it is: <c>Kafka__Client__security.protocol=SASL_SSL</c>. Wins over our own
    /// settings except those that exactly-once rests on.
    /// </summary>
    public Dictionary<string, string> Client { get; set; } = [];

    [ValidateObjectMembers]
    public TopicNames Topics { get; set; } = new();

    /// <summary>Partitions of every topic, 1 to 1024. Fixed once events were counted: changing it needs a rebuild.</summary>
    [Range(1, 1024, ErrorMessage = "Kafka:Partitions must be from 1 to 1024.")]
    public int Partitions { get; set; } = 8;

    /// <summary>Copies of each partition; at most the number of brokers.</summary>
    [Range(1, 15, ErrorMessage = "Kafka:ReplicationFactor must be from 1 to 15.")]
    public short ReplicationFactor { get; set; } = 1;

    /// <summary>How long events stay in Kafka. They are what a rebuild can read again.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "3650.00:00:00", ErrorMessage = "Kafka:EventRetention must be from 1 minute to 3650 days.")]
    public TimeSpan EventRetention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>The same Kafka with other topics.</summary>
    public KafkaOptions With(TopicNames topics)
    {
        var options = (KafkaOptions)MemberwiseClone();
        options.Topics = topics;
        return options;
    }
}

/// <summary>Names of the topics, in the order in which an event passes them.</summary>
public sealed class TopicNames
{
    /// <summary>
    /// Names for a generation of the hourly analytics: what is counted lies in topics of its own, such as <c>analytics.hours.g2</c>; the events are the same.
    /// </summary>
    public TopicNames OfGeneration(int generation)
    {
        var (names, ending) = ((TopicNames)MemberwiseClone(), GenerationEnding.Of(generation));
        (names.DeadLetter, names.Changelog, names.Hours, names.Sketches) = (DeadLetter + ending, Changelog + ending, Hours + ending, Sketches + ending);
        return names;
    }

    /// <summary>The same for a generation of the flows.</summary>
    public TopicNames OfFlowsGeneration(int generation)
    {
        var (names, ending) = ((TopicNames)MemberwiseClone(), GenerationEnding.Of(generation));
        (names.FlowSums, names.FlowsDeadLetter) = (FlowSums + ending, FlowsDeadLetter + ending);
        return names;
    }

    /// <summary>The same for a rebuilt generation of the frames.</summary>
    public TopicNames OfFramesGeneration(int generation)
    {
        var (names, ending) = ((TopicNames)MemberwiseClone(), GenerationEnding.Of(generation));
        (names.FramesChangelog, names.FramesProgress, names.FramesDeadLetter, names.UniqueUsers) =
            (FramesChangelog + ending, FramesProgress + ending, FramesDeadLetter + ending, UniqueUsers + ending);
        return names;
    }

    private const string Legal = "^[A-Za-z0-9._-]{1,249}$";
    private const string Rule = "must be 1 to 249 letters, digits, dots, dashes or underscores.";

    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:Events " + Rule)][Required(ErrorMessage = "Kafka:Topics:Events " + Rule)] public string Events { get; set; } = "analytics.events";
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:DeadLetter " + Rule)][Required(ErrorMessage = "Kafka:Topics:DeadLetter " + Rule)] public string DeadLetter { get; set; } = "analytics.events.dead-letter";
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:Changelog " + Rule)][Required(ErrorMessage = "Kafka:Topics:Changelog " + Rule)] public string Changelog { get; set; } = "analytics.changelog";
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:Hours " + Rule)][Required(ErrorMessage = "Kafka:Topics:Hours " + Rule)] public string Hours { get; set; } = "analytics.hours";

    /// <summary>Sketches of the hours' users, beside the counts.</summary>
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:Sketches " + Rule)][Required(ErrorMessage = "Kafka:Topics:Sketches " + Rule)] public string Sketches { get; set; } = "analytics.sketches";

    /// <summary>Accepted arrays of flows, an array a record.</summary>
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:Flows " + Rule)][Required(ErrorMessage = "Kafka:Topics:Flows " + Rule)] public string Flows { get; set; } = "flows";
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:FlowsDeadLetter " + Rule)][Required(ErrorMessage = "Kafka:Topics:FlowsDeadLetter " + Rule)] public string FlowsDeadLetter { get; set; } = "flows.dead-letter";
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:FlowSums " + Rule)][Required(ErrorMessage = "Kafka:Topics:FlowSums " + Rule)] public string FlowSums { get; set; } = "flows.sums";

    /// <summary>Frames that others put there, one JSON object a record.</summary>
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:Frames " + Rule)][Required(ErrorMessage = "Kafka:Topics:Frames " + Rule)] public string Frames { get; set; } = "frames";
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:FramesDeadLetter " + Rule)][Required(ErrorMessage = "Kafka:Topics:FramesDeadLetter " + Rule)] public string FramesDeadLetter { get; set; } = "frames.dead-letter";
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:FramesChangelog " + Rule)][Required(ErrorMessage = "Kafka:Topics:FramesChangelog " + Rule)] public string FramesChangelog { get; set; } = "frames.changelog";
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:FramesProgress " + Rule)][Required(ErrorMessage = "Kafka:Topics:FramesProgress " + Rule)] public string FramesProgress { get; set; } = "frames.progress";

    /// <summary>Results of the frames. Its one partition also says which process counts them: the one to which its group gives it.</summary>
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:UniqueUsers " + Rule)][Required(ErrorMessage = "Kafka:Topics:UniqueUsers " + Rule)] public string UniqueUsers { get; set; } = "frames.unique-users";

    /// <summary>Colours as their producers send them, on three partitions.</summary>
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:Colours " + Rule)][Required(ErrorMessage = "Kafka:Topics:Colours " + Rule)] public string Colours { get; set; } = "events";
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:ColoursDeadLetter " + Rule)][Required(ErrorMessage = "Kafka:Topics:ColoursDeadLetter " + Rule)] public string ColoursDeadLetter { get; set; } = "events.dead-letter";
    [RegularExpression(Legal, ErrorMessage = "Kafka:Topics:ColoursProgress " + Rule)][Required(ErrorMessage = "Kafka:Topics:ColoursProgress " + Rule)] public string ColoursProgress { get; set; } = "events.progress";
}
