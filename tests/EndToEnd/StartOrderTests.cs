using Tally.Tests.EndToEnd.Load;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd;

/// <summary>No service may need another to be there first.</summary>
public sealed class StartOrderTests
{
    // The second order is the first backwards, so each of the six starts before and after every other one.
    [TestCase("broker redis processor materializer query command")]
    [TestCase("command query materializer processor redis broker")]
    [TestCase("materializer command broker query processor redis")]
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
            await Eventually.HoldsAsync("the event shows", TimeSpan.FromSeconds(30), async () =>
                await pipeline.Http.GetStringAsync(pipeline.QueryAt("/analytics?timestamp=123")) == "unique_users,1\nclicks,1\nimpressions,0\n");
        }
        catch
        {
            await TestContext.Out.WriteLineAsync(pipeline.Logs);
            throw;
        }
    }

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
