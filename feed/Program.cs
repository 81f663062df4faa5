using System.Globalization;
using Tally.Feed;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

// Fills a topic straight through Kafka, as outside producers do: `feed analytics`, `feed flows`, `feed frames` and `feed colours`, see `make help`.
const string Usage = "usage: Tally.Feed analytics|flows|frames|colours; COUNT, RATE, BOOTSTRAP, SEED, for analytics USERS and HashKey__File, for flows ARRAY, for frames FILE, "
    + "for colours SCENARIO=alternate|burst|out-of-order";

try
{
    var seed = (int)Setting("SEED", 1, 0, int.MaxValue);
    var count = Setting("COUNT", 1_000_000, 1, 1_000_000_000);
    IFeedSource source = args switch
    {
        ["analytics"] => new AnalyticsSource(count, (int)Setting("USERS", 200_000, 1, int.MaxValue), seed, Hasher(), TimeProvider.System),
        ["flows"] => new FlowSource(count, (int)Setting("ARRAY", 100, 1, 10_000), seed, TimeProvider.System),
        ["frames"] => new FrameFileSource(FrameFileSource.Find(Text("FILE", ""), Text("FOLDER", "data"))),
        ["colours"] => new ColourSource(count, Text("SCENARIO", "alternate"), TimeProvider.System),
        _ => throw new FormatException(Usage),
    };
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, cancel) =>
    {
        cancel.Cancel = true;
        stop.Cancel();
    };
    return new Feeder(Text("BOOTSTRAP", "127.0.0.1:9092"), Setting("RATE", 0, 0, 100_000_000), TimeProvider.System).Run(source, stop.Token);
}
catch (Exception e) when (e is FormatException or ConfigurationException)
{
    await Console.Error.WriteLineAsync($"feed: {e.Message}");
    return 2;
}

static string Text(string name, string otherwise) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? text : otherwise;

static UserHasher Hasher() => new HashKeyOptions { File = Text("HashKey__File", ""), Value = Text("HashKey__Value", "") }.CreateHasher();

static long Setting(string name, long otherwise, long least, long most)
{
    var text = Text(name, otherwise.ToString(CultureInfo.InvariantCulture));
    return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
        ? value
        : throw new FormatException($"{name} is '{text}': it must be a whole number from {least} to {most}");
}
