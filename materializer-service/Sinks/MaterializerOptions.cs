using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.MaterializerService.Sinks;

/// <summary>Section <c>Materializer</c>: how the two sinks read and write.</summary>
public sealed class MaterializerOptions
{
    public const string Section = "Materializer";

    /// <summary>Consumer group of the Redis sink; the instances that share the partitions have the same one.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Materializer:RedisGroup is empty: set it to the name of the consumer group.")]
    public string RedisGroup { get; set; } = "tally-materializer-redis";

    /// <summary>Consumer group of the archive sink.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Materializer:ArchiveGroup is empty: set it to the name of the consumer group.")]
    public string ArchiveGroup { get; set; } = "tally-materializer-archive";

    /// <summary>Consumer group of the archive sink for flows.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Materializer:FlowsGroup is empty: set it to the name of the consumer group.")]
    public string FlowsGroup { get; set; } = "tally-materializer-flows";

    /// <summary>Consumer group of the archive sink for frames.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Materializer:FramesGroup is empty: set it to the name of the consumer group.")]
    public string FramesGroup { get; set; } = "tally-materializer-frames";

    /// <summary>Consumer group of the archive sink for sketches.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Materializer:SketchesGroup is empty: set it to the name of the consumer group.")]
    public string SketchesGroup { get; set; } = "tally-materializer-sketches";

    /// <summary>
    /// Name of this process slot, the same after every restart and unlike that of any other running instance; <c>{host}</c> stands for the host's name.
    /// </summary>
    [RegularExpression("^[A-Za-z0-9._-]{1,100}$", ErrorMessage = "Materializer:Instance must be 1 to 100 letters, digits, dots, dashes or underscores.")]
    [Required(ErrorMessage = "Materializer:Instance must be 1 to 100 letters, digits, dots, dashes or underscores.")]
    public string Instance { get; set => field = InstanceName.Of(value); } = "1";

    /// <summary>
    /// Generation of the hourly analytics to be written, 1 to 1,000,000; a rebuilt one has topic and groups of its own, and readers are pointed to
    /// it once it has come as far as the one they use.
    /// </summary>
    [Range(1, 1_000_000, ErrorMessage = "Materializer:Generation must be from 1 to 1000000.")]
    public int Generation { get; set; } = 1;

    /// <summary>The same for the flows.</summary>
    [Range(1, 1_000_000, ErrorMessage = "Materializer:FlowsGeneration must be from 1 to 1000000.")]
    public int FlowsGeneration { get; set; } = 1;

    /// <summary>The same for the frames: <c>Frames:TopicGeneration</c> of the processor.</summary>
    [Range(1, 1_000_000, ErrorMessage = "Materializer:FramesGeneration must be from 1 to 1000000.")]
    public int FramesGeneration { get; set; } = 1;

    /// <summary>Joins the groups under the instance's name, so that a killed instance that comes back takes its partitions at once.</summary>
    public bool StaticMembership { get; set; } = true;

    /// <summary>How long a group waits for a silent instance. Brokers allow 6 s at least unless told otherwise.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00", ErrorMessage = "Materializer:SessionTimeout must be from 1 second to 5 minutes.")]
    public TimeSpan SessionTimeout { get; set; } = TimeSpan.FromSeconds(6);

    /// <summary>How long the archive sink gathers before it writes; Redis is written at once.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00", ErrorMessage = "Materializer:ArchiveInterval must be from 0 to 1 minute.")]
    public TimeSpan ArchiveInterval { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Most records a sink holds and writes at once, 1 to 2,000: one script runs that long in Redis.</summary>
    [Range(1, 2000, ErrorMessage = "Materializer:BatchRecords must be from 1 to 2000.")]
    public int BatchRecords { get; set; } = 500;

    /// <summary>Most records of flows the archive sink holds and writes at once, 1 to 50,000; each is about a kilobyte at the most.</summary>
    [Range(1, 50_000, ErrorMessage = "Materializer:FlowBatchRecords must be from 1 to 50000.")]
    public int FlowBatchRecords { get; set; } = 10_000;

    /// <summary>Most sketches the archive sink holds and writes at once, 1 to 1,000; each is 12 KB at the most, and so are those of its day and month.</summary>
    [Range(1, 1000, ErrorMessage = "Materializer:SketchBatchRecords must be from 1 to 1000.")]
    public int SketchBatchRecords { get; set; } = 100;

    /// <summary>Time limit of one write to Redis.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:00:30", ErrorMessage = "Materializer:RedisTimeout must be from 100 ms to 30 seconds.")]
    public TimeSpan RedisTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Time limit of one write to the archive; more than <c>Archive:BusyTimeout</c>.</summary>
    [Range(typeof(TimeSpan), "00:00:00.2", "00:01:30", ErrorMessage = "Materializer:ArchiveTimeout must be from 200 ms to 90 seconds.")]
    public TimeSpan ArchiveTimeout { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>How long a sink is left alone after several writes in a row failed.</summary>
    [Range(typeof(TimeSpan), "00:00:00.5", "00:01:00", ErrorMessage = "Materializer:BreakFor must be from 500 ms to 60 seconds.")]
    public TimeSpan BreakFor { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How much is applied again after the connection to Redis was lost and found: a failover may have cost the newest writes.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00", ErrorMessage = "Materializer:ReplayAfterReconnect must be from 0 to 1 hour.")]
    public TimeSpan ReplayAfterReconnect { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Kilobytes each consumer may hold fetched ahead, 64 to 1,048,576.</summary>
    [Range(64, 1_048_576, ErrorMessage = "Materializer:PrefetchKilobytes must be from 64 to 1048576.")]
    public int PrefetchKilobytes { get; set; } = 8192;

    /// <summary>Groups of a rebuilt generation are its own.</summary>
    public void NameByGeneration()
    {
        var ending = GenerationEnding.Of(Generation);
        (RedisGroup, ArchiveGroup, SketchesGroup) = (RedisGroup + ending, ArchiveGroup + ending, SketchesGroup + ending);
        (FlowsGroup, FramesGroup) = (FlowsGroup + GenerationEnding.Of(FlowsGeneration), FramesGroup + GenerationEnding.Of(FramesGeneration));
    }
}

/// <summary>Rules that span several keys.</summary>
public sealed class MaterializerOptionsCheck(IOptions<Shared.Archive.ArchiveOptions> archive) : IValidateOptions<MaterializerOptions>
{
    public ValidateOptionsResult Validate(string? name, MaterializerOptions options)
    {
        if (options.RedisGroup == options.ArchiveGroup)
            return ValidateOptionsResult.Fail("Materializer:RedisGroup and Materializer:ArchiveGroup must differ: each sink reads every partition.");
        if (options.FlowsGroup == options.RedisGroup || options.FlowsGroup == options.ArchiveGroup)
            return ValidateOptionsResult.Fail("Materializer:FlowsGroup must differ from the other groups: it reads another topic.");
        if (options.FramesGroup == options.RedisGroup || options.FramesGroup == options.ArchiveGroup || options.FramesGroup == options.FlowsGroup)
            return ValidateOptionsResult.Fail("Materializer:FramesGroup must differ from the other groups: it reads another topic.");
        if (options.SketchesGroup == options.RedisGroup || options.SketchesGroup == options.ArchiveGroup || options.SketchesGroup == options.FlowsGroup
            || options.SketchesGroup == options.FramesGroup)
            return ValidateOptionsResult.Fail("Materializer:SketchesGroup must differ from the other groups: it reads another topic.");
        if (options.ArchiveTimeout <= archive.Value.BusyTimeout)
            return ValidateOptionsResult.Fail($"Materializer:ArchiveTimeout must be more than Archive:BusyTimeout ({archive.Value.BusyTimeout}).");
        return ValidateOptionsResult.Success;
    }
}
