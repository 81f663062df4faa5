using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

public sealed class CommandSettingsTests
{
    [TestCase("HashKey:File", "HashKey__Value", "")]
    [TestCase("HashKey:Value must be 64 hex digits", "HashKey__Value", "abc")]
    [TestCase("Ingest:MaxInFlight must be from 1 to 1000000", "Ingest__MaxInFlight", "0")]
    [TestCase("Ingest:Linger", "Ingest__Linger", "soon")]
    [TestCase("MaxInFlihgt", "Ingest__MaxInFlihgt", "5")]
    [TestCase("no.such.property", "Kafka__Client__no.such.property", "1")]
    public async Task A_wrong_setting_ends_the_start_with_a_sentence_that_names_it(string sentence, string variable, string value)
    {
        var settings = new Dictionary<string, string> { ["Http__Port"] = "0", ["HashKey__Value"] = CommandApp.HashKey, [variable] = value };
        await using var command = ServiceProcess.Of("command", "CommandService", settings);
        command.Start();
        var code = await command.ExitedAsync(TimeSpan.FromSeconds(15));
        Assert.That(code, Is.EqualTo(2), () => command.Log);
        Assert.That(command.Log, Does.Contain("command-service: ").And.Contain(sentence).And.Not.Contain("   at "));
    }
}
