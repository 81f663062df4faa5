using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Tally.QueryService.Live;
using Tally.QueryService.Positions;
using Tally.QueryService.Ranges;
using Tally.QueryService.Reading;
using Tally.Shared.Archive;
using Tally.Shared.Hosting;
using Tally.Shared.Hosting.Overload;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query;

/// <summary>appsettings.json lists every key with the default the program has.</summary>
public sealed class SettingsTests
{
    private static readonly IConfiguration File =
        new ConfigurationBuilder().AddJsonFile(Path.Combine(BuiltProgram.Root, "query-service", "appsettings.json")).Build();

    [Test]
    public void Every_key_stands_in_the_file_with_its_default() => Assert.Multiple(() =>
    {
        Same(new HttpOptions { Port = 8082 }, HttpOptions.Section);
        Same(new OverloadOptions(), OverloadOptions.Section);
        Same(new QueryOptions(), QueryOptions.Section);
        Same(new PositionOptions(), PositionOptions.Section);
        Same(new LiveOptions(), LiveOptions.Section);
        Same(new RangeOptions(), RangeOptions.Section);
        Same(new RedisOptions(), RedisOptions.Section);
        Same(new ArchiveOptions(), ArchiveOptions.Section);
        Assert.That(File.GetChildren().Select(s => s.Key), Is.EquivalentTo(new[] { "Http", "Overload", "Query", "Colours", "Positions", "Live", "Range", "Kafka", "Redis", "Archive" }));
    });

    [TestCase("Query:CacheFor", "00:00:06")]
    [TestCase("Query:FreshWithin", "00:00:01")]
    [TestCase("Query:LastAnswerAfter", "00:00:00")]
    [TestCase("Query:RememberedHours", "0")]
    [TestCase("Query:RedisTimeout", "00:00:00")]
    [TestCase("Query:ArchiveTimeout", "-00:00:01")]
    [TestCase("Query:ArchiveConcurrency", "257")]
    [TestCase("Query:BreakFor", "00:00:00.1")]
    [TestCase("Query:RefillFor", "1.00:00:00")]
    public void A_value_out_of_range_is_refused_by_its_key(string key, string value)
    {
        var options = new QueryOptions();
        new ConfigurationBuilder().AddInMemoryCollection([new(key, value)]).Build().GetSection(QueryOptions.Section).Bind(options);
        var failures = new List<ValidationResult>();

        Assert.That(Validator.TryValidateObject(options, new ValidationContext(options), failures, validateAllProperties: true), Is.False);
        Assert.That(failures.Single().ErrorMessage, Does.StartWith($"{key} must be from ").And.Contains(" to "));
    }

    private static void Same<T>(T defaults, string section)
        where T : class, new()
    {
        var properties = typeof(T).GetProperties().Where(p => p.CanWrite).ToList();
        Assert.That(File.GetSection(section).GetChildren().Select(c => c.Key), Is.EquivalentTo(properties.Select(p => p.Name)), section);
        // Bound over an empty object, so that a value can only come from the file.
        var read = File.GetSection(section).Get<T>()!;
        foreach (var property in properties) Assert.That(property.GetValue(read), Is.EqualTo(property.GetValue(defaults)), $"{section}:{property.Name}");
    }
}
