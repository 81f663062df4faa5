using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Tally.CommandService.Batch;
using Tally.CommandService.Ingest;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Hosting.Overload;
using Tally.Shared.Kafka;

namespace Tally.Tests.Unit.Command;

public sealed class CommandSettingsTests
{
    private static readonly string File = Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "command-service", "appsettings.json");

    private static IEnumerable<TestCaseData> Sections()
    {
        yield return new TestCaseData(IngestOptions.Section, new IngestOptions()).SetArgDisplayNames("Ingest");
        yield return new TestCaseData(OverloadOptions.Section, new OverloadOptions()).SetArgDisplayNames("Overload");
        yield return new TestCaseData(BatchOptions.Section, new BatchOptions()).SetArgDisplayNames("Batch");
        yield return new TestCaseData(KafkaOptions.Section, new KafkaOptions()).SetArgDisplayNames("Kafka");
        yield return new TestCaseData(HashKeyOptions.Section, new HashKeyOptions()).SetArgDisplayNames("HashKey");
        yield return new TestCaseData(HttpOptions.Section, new HttpOptions { Port = 8081 }).SetArgDisplayNames("Http");
    }

    [TestCaseSource(nameof(Sections))]
    public void The_settings_file_lists_every_key_with_its_default(string section, object defaults)
    {
        var settings = JsonDocument.Parse(System.IO.File.ReadAllText(File)).RootElement.GetProperty(section);
        var bound = new ConfigurationBuilder().AddJsonFile(Path.GetFullPath(File)).Build().GetSection(section).Get(defaults.GetType())
            ?? Activator.CreateInstance(defaults.GetType());

        Assert.Multiple(() =>
        {
            Assert.That(settings.EnumerateObject().Select(p => p.Name), Is.EquivalentTo(defaults.GetType().GetProperties().Select(p => p.Name)));
            Assert.That(JsonSerializer.Serialize(bound, defaults.GetType()), Is.EqualTo(JsonSerializer.Serialize(defaults, defaults.GetType())));
        });
    }

    [TestCase("FutureTolerance", "-00:00:01")]
    [TestCase("MaxInFlight", "0")]
    [TestCase("DeliveryTimeout", "00:10:00")]
    [TestCase("Linger", "00:00:01")]
    [TestCase("MaxRetryAfter", "00:00:31")]
    public void A_value_out_of_range_is_named_with_its_range(string key, string value)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?> { [$"Ingest:{key}"] = value }).Build();
        var options = configuration.GetSection(IngestOptions.Section).Get<IngestOptions>()!;
        var faults = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), faults, validateAllProperties: true);

        Assert.That(faults.Select(f => f.ErrorMessage), Has.One.Matches($"^Ingest:{key} must be from .+ to .+\\.$"));
    }
}
