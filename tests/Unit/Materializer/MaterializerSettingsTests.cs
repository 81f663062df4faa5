using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Tally.MaterializerService.Sinks;
using Tally.Shared.Archive;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Materializer;

public sealed class MaterializerSettingsTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", ".."));

    private static IEnumerable<TestCaseData> Sections()
    {
        yield return new TestCaseData(HttpOptions.Section, new HttpOptions { Port = 8084 }).SetArgDisplayNames(HttpOptions.Section);
        yield return new TestCaseData(KafkaOptions.Section, new KafkaOptions()).SetArgDisplayNames(KafkaOptions.Section);
        yield return new TestCaseData(RedisOptions.Section, new RedisOptions()).SetArgDisplayNames(RedisOptions.Section);
        yield return new TestCaseData(ArchiveOptions.Section, new ArchiveOptions()).SetArgDisplayNames(ArchiveOptions.Section);
        yield return new TestCaseData(MaterializerOptions.Section, new MaterializerOptions()).SetArgDisplayNames(MaterializerOptions.Section);
    }

    [TestCaseSource(nameof(Sections))]
    public void The_settings_file_lists_every_key_with_its_default(string section, object defaults)
    {
        var file = new ConfigurationBuilder().AddJsonFile(Path.Combine(Root, "materializer-service", "appsettings.json")).Build().GetSection(section);

        Assert.Multiple(() =>
        {
            foreach (var property in defaults.GetType().GetProperties().Where(p => p.CanWrite))
            {
                var value = property.GetValue(defaults);
                if (value is not (string or ValueType)) continue;
                Assert.That(file.GetChildren().Select(c => c.Key), Has.Some.EqualTo(property.Name), section);
                Assert.That(file.GetValue(property.PropertyType, property.Name), Is.EqualTo(value), $"{section}:{property.Name}");
            }
            Assert.That(file.GetChildren().Select(c => c.Key), Is.SubsetOf(defaults.GetType().GetProperties().Select(p => p.Name)));
        });
    }

    [TestCase("1.01:00:00", false)]
    [TestCase("1.01:00:01", true)]
    public void The_time_to_live_must_exceed_the_tolerance_by_an_hour(string ttl, bool valid)
    {
        var result = new RedisOptionsCheck().Validate(null, new RedisOptions { Ttl = TimeSpan.Parse(ttl, null) });

        Assert.That(result.Succeeded, Is.EqualTo(valid), result.FailureMessage);
    }

    [TestCase("")]
    [TestCase("two words")]
    public void A_prefix_that_cannot_be_one_is_refused_by_its_key(string prefix)
    {
        var options = new RedisOptions { Prefix = prefix };
        var faults = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), faults, validateAllProperties: true);

        Assert.That(faults.Single().ErrorMessage, Is.EqualTo("Redis:Prefix must be 1 to 64 letters, digits or any of {}._-"));
    }

    [TestCase("127.0.0.1:6379", true)]
    [TestCase("redis:6379, other:7000", true)]
    [TestCase("[::1]:6379", true)]
    [TestCase("redis", false)]
    [TestCase("redis:", false)]
    [TestCase("redis:0", false)]
    [TestCase("redis:70000", false)]
    [TestCase("a:1,,b:2", false)]
    public void Endpoints_are_host_and_port(string endpoints, bool valid) =>
        Assert.That(new RedisOptionsCheck().Validate(null, new RedisOptions { Endpoints = endpoints }).Succeeded, Is.EqualTo(valid));

    [TestCase("Data Source=data/archive.db", true)]
    [TestCase("Host=db;Database=tally;Username=tally;Password=p", true)]
    [TestCase("Server=db,other;Port=5433;Database=tally;Passfile=/run/pgpass;SSL Mode=VerifyFull", true)]
    [TestCase("Host=db;Password=canary", false)]
    [TestCase("Host=db;Database=tally;Port=canary", false)]
    [TestCase("Host=db;Database=tally;Bogus=canary", false)]
    [TestCase("postgres://user:canary@db/tally", false)]
    [TestCase("Bogus=canary", false)]
    [TestCase("canary", false)]
    public void A_connection_string_is_refused_without_repeating_it(string connection, bool valid)
    {
        var result = new ArchiveOptionsCheck().Validate(null, new ArchiveOptions { ConnectionString = connection });

        Assert.Multiple(() =>
        {
            Assert.That(result.Succeeded, Is.EqualTo(valid));
            if (!valid) Assert.That(result.FailureMessage, Does.Contain("Archive:ConnectionString").And.Not.Contains("canary"));
        });
    }

    [Test]
    public void Both_sinks_in_one_group_would_share_the_partitions()
    {
        var check = new MaterializerOptionsCheck(Options.Create(new ArchiveOptions()));

        Assert.Multiple(() =>
        {
            Assert.That(check.Validate(null, new MaterializerOptions()).Succeeded, Is.True);
            Assert.That(check.Validate(null, new MaterializerOptions { RedisGroup = "a", ArchiveGroup = "a" }).Failed, Is.True);
            Assert.That(check.Validate(null, new MaterializerOptions { ArchiveTimeout = TimeSpan.FromSeconds(5) }).Failed, Is.True);
        });
    }
}
