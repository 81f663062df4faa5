using System.Net;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

/// <summary>Which of several instances the door of the local mode hands a request to.</summary>
public sealed class DoorInstanceTests
{
    private static readonly string[] Addresses = [.. Enumerable.Range(2, 12).Select(n => $"127.0.0.{n}")];

    private NamedInstance[] _instances = null!;
    private DoorApp _door = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _instances = [await NamedInstance.StartAsync("a"), await NamedInstance.StartAsync("b"), await NamedInstance.StartAsync("c")];
        _door = await DoorApp.StartAsync([.. _instances.Select(i => i.Address)]);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _door.DisposeAsync();
        foreach (var instance in _instances) await instance.DisposeAsync();
    }

    [Test]
    public async Task A_client_reads_at_one_instance_and_clients_at_all()
    {
        var used = new HashSet<string>();
        foreach (var address in Addresses)
        {
            // A connection of its own each time: it is the client that is kept, not the connection.
            var answers = new List<string>();
            for (var n = 0; n < 6; n++)
            {
                using var http = ClientAt.Address(address);
                answers.Add(await ReadAsync(http));
            }
            Assert.That(answers.Distinct().Count(), Is.EqualTo(1), $"{address}: {string.Join(' ', answers)}");
            used.Add(answers[0]);
        }
        Assert.That(used, Is.EquivalentTo(new[] { "a", "b", "c" }));
    }

    [Test]
    public async Task While_its_instance_is_away_a_client_reads_at_another_one_and_then_at_its_own_again()
    {
        using var http = ClientAt.Address("127.0.0.2");
        var own = await ReadAsync(http);
        var instance = _instances[own[0] - 'a'];

        await instance.GoAwayAsync();
        var meanwhile = new List<string>();
        for (var n = 0; n < 4; n++) meanwhile.Add(await ReadAsync(http));
        await instance.ReturnAsync();

        Assert.That(meanwhile, Has.None.EqualTo(own));
        Assert.That(meanwhile.Distinct().Count(), Is.EqualTo(1));
        Assert.That(await ReadAsync(http), Is.EqualTo(own));
    }

    [Test]
    public async Task Without_any_instance_the_answer_is_503()
    {
        foreach (var instance in _instances) await instance.GoAwayAsync();
        using var http = ClientAt.Address("127.0.0.2");

        using var answer = await http.GetAsync(new Uri(_door.Address, "/analytics?timestamp=1"));

        Assert.That((answer.StatusCode, answer.Headers.RetryAfter?.ToString()), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "1")));
    }

    [Test]
    public async Task Writes_go_to_the_instances_in_turn_and_once_each()
    {
        using var http = ClientAt.Address("127.0.0.2");
        var answers = new List<string>();
        for (var n = 0; n < 6; n++)
        {
            using var answer = await http.PostAsync(new Uri(_door.Address, "/analytics?timestamp=1&user=u&click"), null);
            answers.Add(await answer.Content.ReadAsStringAsync());
        }
        Assert.That(answers.GroupBy(a => a).Select(g => g.Count()), Is.EqualTo(new[] { 2, 2, 2 }), string.Join(' ', answers));

        await _instances[0].GoAwayAsync();
        var statuses = new List<HttpStatusCode>();
        for (var n = 0; n < 3; n++)
        {
            using var answer = await http.PostAsync(new Uri(_door.Address, "/analytics?timestamp=1&user=u&click"), null);
            statuses.Add(answer.StatusCode);
        }
        Assert.That(statuses, Has.One.EqualTo(HttpStatusCode.ServiceUnavailable), "a write whose end is unknown is its client's to repeat");
    }

    private async Task<string> ReadAsync(HttpClient http)
    {
        using var answer = await http.GetAsync(new Uri(_door.Address, "/analytics?timestamp=1"));
        return await answer.Content.ReadAsStringAsync();
    }
}
