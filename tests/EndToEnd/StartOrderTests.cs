using Tally.Tests.EndToEnd.Load;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd;

/// <summary>No service may need another to be there first.</summary>
/// <remarks>
/// Of the 720 orders these four are enough, because a service sees nothing of the others but whether what it rests on answers: together
/// they start each service with every combination of that present and absent (the first test holds it). In all others the same
/// combinations come in other company; `make chaos` starts all orders of the four services and draws from the others.
/// </remarks>
public sealed class StartOrderTests
{
    private static readonly string[] Orders =
    [
        "broker redis processor materializer query command",
        "command query materializer processor redis broker",
        "broker materializer query redis processor command",
        "redis query materializer command broker processor",
    ];

    /// <summary>What each service calls, by itself or through the archive's file, which the materializer makes.</summary>
    private static readonly Dictionary<string, string[]> RestsOn = new()
    {
        ["command"] = ["broker"],
        ["processor"] = ["broker"],
        ["materializer"] = ["broker", "redis"],
        ["query"] = ["redis", "materializer"],
    };

    /// <summary>None in `make test`; `make chaos ROUNDS=n` draws n.</summary>
    private static readonly IEnumerable<int> Draws =
        Enumerable.Range(1, int.TryParse(Environment.GetEnvironmentVariable("ROUNDS"), out var rounds) ? rounds : 0);

    /// <summary>All 24 orders of the four services, after broker and Redis and before them, for `make chaos` as well.</summary>
    private static readonly IEnumerable<string> EveryOrderOfTheServices = Draws.Any()
        ? Permutations([.. RestsOn.Keys]).SelectMany(services => (string[])[$"broker redis {services}", $"{services} redis broker"])
        : [];

    [Test]
    public void The_orders_start_each_service_with_all_some_and_none_of_what_it_rests_on()
    {
        foreach (var (service, needs) in RestsOn)
        {
            var met = Orders.Select(o => o.Split(' ').TakeWhile(name => name != service).Intersect(needs).Order()).Select(m => string.Join(' ', m));
            Assert.That(met.Distinct().Count(), Is.EqualTo(1 << needs.Length), service);
        }
    }

    [TestCaseSource(nameof(Draws))]
    public async Task Services_start_in_an_order_drawn_by_lot(int draw)
    {
        var seed = (int)(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() % 1_000_000) + draw;
        var order = Orders[0].Split(' ');
        new Random(seed).Shuffle(order);
        await TestContext.Out.WriteLineAsync($"seed {seed}: {string.Join(' ', order)}");
        await Services_start_in_any_order(string.Join(' ', order));
    }

    [TestCaseSource(nameof(EveryOrderOfTheServices))]
    [TestCaseSource(nameof(Orders))]
    public async Task Services_start_in_any_order(string order)
    {
        await using var pipeline = new Pipeline();
        try
        {
            foreach (var name in order.Split(' '))
            {
                Process(pipeline, name).Start();
                // Topics are made by a command of its own, as soon as there is a broker.
                if (name == "broker") pipeline.Topics.Start();
                await Task.Delay(300);
            }
            await pipeline.ReadyAsync();

            var e = new PostedEvent(123, "ada", Click: true, Id: null);
            await new Poster(pipeline).PostAllAsync([e], 1);
            await Eventually.HoldsAsync("the event shows", async () =>
                await pipeline.Http.GetStringAsync(pipeline.QueryAt("/analytics?timestamp=123")) == "unique_users,1\nclicks,1\nimpressions,0\n");
        }
        catch
        {
            await TestContext.Out.WriteLineAsync(pipeline.Logs);
            throw;
        }
    }

    private static IEnumerable<string> Permutations(IReadOnlyList<string> names) => names.Count == 1
        ? [names[0]]
        : names.SelectMany(first => Permutations([.. names.Where(n => n != first)]).Select(rest => $"{first} {rest}"));

    private static IKillable Process(Pipeline pipeline, string name) => name switch
    {
        "broker" => pipeline.Broker,
        "redis" => pipeline.Redis,
        "processor" => pipeline.Processor,
        "materializer" => pipeline.Materializer,
        "query" => pipeline.Query,
        "command" => pipeline.Command,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "no such process"),
    };
}
