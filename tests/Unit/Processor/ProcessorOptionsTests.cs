using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.Tests.Unit.Processor;

public sealed class ProcessorOptionsTests
{
    private static readonly string Settings = Path.GetFullPath(
        Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "processor-service", "appsettings.json"));

    [Test]
    public void Appsettings_lists_every_key_with_its_default() => Assert.Multiple(() =>
    {
        AssertDefaults(ProcessorOptions.Section, new ProcessorOptions());
        AssertDefaults(StateOptions.Section, new StateOptions());
        AssertDefaults(KafkaOptions.Section, new KafkaOptions());
        AssertDefaults(HashKeyOptions.Section, new HashKeyOptions());
        AssertDefaults(HttpOptions.Section, new HttpOptions { Port = 8083 });
    });

    [Test]
    public void The_defaults_are_valid() => Assert.That(Faults(new ProcessorOptions()), Is.Empty);

    public static IEnumerable<TestCaseData> Wrong()
    {
        yield return Case(o => o.Engine = "flink", "Processor:Engine must be native or streamiz");
        if (!EngineChoice.HasStreamiz) yield return Case(o => o.Engine = "streamiz", "Processor:Engine is streamiz, which is not part of this build");
        yield return Case(o => o.Instance = "a b", "Processor:Instance");
        yield return Case(o => o.Group = "", "Processor:Group");
        yield return Case(o => o.TransactionTimeout = TimeSpan.FromSeconds(11), "Processor:TransactionTimeout must be from 2 to 10 seconds");
        yield return Case(o => o.CommitInterval = TimeSpan.Zero, "Processor:CommitInterval must be from 5 milliseconds");
        yield return Case(o => o.CommitInterval = TimeSpan.FromSeconds(2), "must not be longer than Processor:BacklogCommitInterval");
        yield return Case(o => o.BacklogCommitInterval = o.TransactionTimeout = TimeSpan.FromSeconds(5), "must be shorter than Processor:TransactionTimeout");

        static TestCaseData Case(Action<ProcessorOptions> change, string why) => new TestCaseData(change, why).SetArgDisplayNames(why);
    }

    [TestCaseSource(nameof(Wrong))]
    public void A_wrong_value_is_refused_with_the_key(Action<ProcessorOptions> change, string why)
    {
        var options = new ProcessorOptions();
        change(options);
        Assert.That(Faults(options), Has.Some.Contains(why));
    }

    [Test]
    public void A_retention_without_a_unit_is_refused()
    {
        var settings = new ConfigurationBuilder().AddInMemoryCollection([new("State:Retention", "5")]).Build();
        using var services = new ServiceCollection().AddSingleton<IConfiguration>(settings).AddValidatedOptions<StateOptions>(StateOptions.Section).BuildServiceProvider();
        Assert.That(() => services.GetRequiredService<IOptions<StateOptions>>().Value,
            Throws.InstanceOf<OptionsValidationException>().With.Message.Contains("State:Retention is '5', a number without a unit"));
    }

    private static List<string> Faults(ProcessorOptions options)
    {
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true);
        return [.. results.Select(r => r.ErrorMessage!), .. new ProcessorOptionsRules().Validate(null, options).Failures ?? []];
    }

    private static void AssertDefaults<T>(string section, T defaults) where T : class, new()
    {
        var file = new ConfigurationBuilder().AddJsonFile(Settings).Build().GetSection(section);
        var bound = file.Get<T>() ?? new T();
        Assert.That(JsonSerializer.Serialize(bound), Is.EqualTo(JsonSerializer.Serialize(defaults)), section);
        var missing = typeof(T).GetProperties().Where(p => p.CanWrite).Select(p => p.Name)
            .Except(file.GetChildren().Select(child => child.Key)).ToArray();
        Assert.That(missing, Is.Empty, $"{section} in appsettings.json lacks keys");
    }
}
