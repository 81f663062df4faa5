using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

public sealed class CommandSettingsTests
{
    [TestCase("HashKey:File", "HashKey__Value", "")]
    [TestCase("HashKey:Value must be 64 hex digits", "HashKey__Value", "abc")]
    [TestCase("Ingest:MaxInFlight must be from 1 to 1000000", "Ingest__MaxInFlight", "0")]
    [TestCase("Ingest:Linger", "Ingest__Linger", "soon")]
    [TestCase("MaxInFlihgt", "Ingest__MaxInFlihgt", "5")]
    [TestCase("Ingest:FutureTolerance is '5', a number without a unit", "Ingest__FutureTolerance", "5")]
    [TestCase("Http:Port must be from 0 to 65535", "Http__Port", "70000")]
    [TestCase("Http:MaxConnections must be from 1 to 100000", "Http__MaxConnections", "999999999999")]
    [TestCase("Kafka:Topics:Events must be", "Kafka__Topics__Events", "")]
    [TestCase("'Evnts' is no setting of Kafka:Topics", "Kafka__Topics__Evnts", "x")]
    [TestCase("no.such.property", "Kafka__Client__no.such.property", "1")]
    public async Task A_wrong_setting_ends_the_start_with_a_sentence_that_names_it(string sentence, string variable, string value)
    {
        var settings = new Dictionary<string, string> { ["Http__Port"] = "0", ["HashKey__Value"] = CommandApp.HashKey, [variable] = value };
        await using var command = ServiceProcess.Of("command", "CommandService", settings);
        command.Start();
        var code = await command.ExitedAsync(TimeSpan.FromSeconds(15));
        Assert.That(code, Is.EqualTo(2), () => command.Log);
        // Beside the log, whose lines are JSON, a person reads one line.
        var said = command.Log.Split('\n').Where(line => line.StartsWith("command-service: ", StringComparison.Ordinal)).ToList();
        Assert.That(said, Has.Count.EqualTo(1), command.Log);
        Assert.That(said[0], Does.Contain(sentence).And.Not.Contain("DataAnnotation"));
    }
}
