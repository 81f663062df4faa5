using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tally.Tests.Unit.House;

/// <summary>docker-compose.yml against what the services know and against the house's rules for it.</summary>
public sealed partial class ComposeTests
{
    private static readonly string[] Ours = ["command-service", "processor-service", "materializer-service", "query-service"];
    private static readonly string[] ReadByTheRuntime = ["OTEL_", "ASPNETCORE_", "DOTNET_"];

    private readonly ComposeFile _compose = new(Path.Combine(SourceTree.Root, "docker-compose.yml"));

    [TestCase("command-service")]
    [TestCase("processor-service")]
    [TestCase("materializer-service")]
    [TestCase("query-service")]
    [TestCase("topics", "processor-service")]
    public void Every_variable_that_compose_sets_is_one_the_service_knows(string name, string? folder = null)
    {
        var known = Keys(JsonDocument.Parse(File.ReadAllText(Path.Combine(SourceTree.Root, folder ?? name, "appsettings.json"))).RootElement, "").ToHashSet();
        var unknown = _compose.Environment(name).Keys.Where(v => !ReadByTheRuntime.Any(p => v.StartsWith(p, StringComparison.Ordinal)))
            .Where(v => !known.Contains(v.Replace("__", ":", StringComparison.Ordinal))).ToList();

        Assert.Multiple(() =>
        {
            Assert.That(_compose.Environment(name), Is.Not.Empty);
            Assert.That(unknown, Is.Empty, $"not in {folder ?? name}/appsettings.json, which holds {string.Join(", ", known)}");
        });
    }

    [Test]
    public void Everything_is_there_with_an_image_a_service()
    {
        var images = _compose.Services.Keys.Select(s => _compose.Text(s, "image")!).ToList();

        Assert.Multiple(() =>
        {
            foreach (var image in (string[])["apache/kafka:4.", "redis:", "postgres:", "grafana/otel-lgtm:", "nginx:"]) Assert.That(images, Has.Some.StartsWith(image));
            foreach (var service in Ours) Assert.That(images, Has.Some.EqualTo($"tally/{service}"));
        });
    }

    [Test]
    public void Foreign_images_are_pinned_to_a_version() =>
        Assert.That(_compose.Services.Keys.Select(s => _compose.Text(s, "image")!).Where(i => !i.StartsWith("tally/", StringComparison.Ordinal)),
            Has.All.Matches<string>(i => Pinned().IsMatch(i)));

    [TestCaseSource(nameof(Ours))]
    public void Our_services_may_be_scaled_and_run_with_little_power(string service)
    {
        Assert.Multiple(() =>
        {
            Assert.That(_compose.Services[service].Keys, Has.None.AnyOf("container_name", "ports", "privileged", "hostname"));
            Assert.That(_compose.Text(service, "read_only"), Is.EqualTo("true"));
            Assert.That(_compose.List(service, "cap_drop"), Is.EqualTo(new[] { "ALL" }));
            Assert.That(_compose.List(service, "security_opt"), Has.Member("no-new-privileges:true"));
            Assert.That(_compose.Text(service, "mem_limit"), Is.Not.Null);
            Assert.That(Seconds(_compose.Text(service, "stop_grace_period")!), Is.GreaterThan(Tally.Shared.Hosting.ServiceDefaults.ShutdownTimeout.TotalSeconds));
            Assert.That(_compose.Services[service].Keys, Has.Member("build"));
        });
    }

    [TestCase("processor-service", "Processor__Instance")]
    [TestCase("materializer-service", "Materializer__Instance")]
    public void Containers_of_one_service_have_names_of_their_own(string service, string variable) =>
        Assert.That(_compose.Environment(service)[variable], Is.EqualTo(Tally.Shared.Hosting.InstanceName.Host));

    [Test]
    public void Ports_are_published_on_loopback_unless_BIND_says_otherwise() =>
        Assert.That(_compose.Services.Keys.SelectMany(s => _compose.List(s, "ports")), Has.All.Match(@"^(\$\{BIND:-127\.0\.0\.1\}|127\.0\.0\.1):"));

    [Test]
    public void What_is_waited_for_can_come_true()
    {
        foreach (var (service, (name, condition)) in _compose.Services.Keys.SelectMany(s => _compose.DependsOn(s).Select(d => (s, (d.Key, d.Value)))))
        {
            Assert.That(_compose.Services.Keys, Has.Member(name), service);
            Assert.That(condition, Is.AnyOf("service_healthy", "service_completed_successfully"));
            if (condition == "service_healthy" && !Ours.Contains(name))
                Assert.That(_compose.Services[name].Keys, Has.Member("healthcheck"), $"{service} waits for {name}");
        }
    }

    [Test]
    public void Every_volume_and_every_file_that_is_mounted_is_there()
    {
        var sources = _compose.Services.Keys.SelectMany(s => _compose.List(s, "volumes")).Where(v => v.Contains(':', StringComparison.Ordinal)).Select(v => v.Split(':')[0]).ToList();

        Assert.Multiple(() =>
        {
            foreach (var source in sources.Where(s => s.StartsWith("./", StringComparison.Ordinal)))
                Assert.That(Path.Exists(Path.Combine(SourceTree.Root, source)), Is.True, source);
            Assert.That(sources.Where(s => !s.StartsWith("./", StringComparison.Ordinal)).Distinct(), Is.EquivalentTo(_compose.Volumes));
        });
    }

    [Test]
    public void No_secret_stands_in_it() =>
        Assert.That(_compose.Services.Keys.SelectMany(_compose.Environment).Where(e => Secret().IsMatch(e.Key) && !e.Key.EndsWith("File", StringComparison.OrdinalIgnoreCase))
            .Select(e => e.Value), Has.All.Match(@"^\$\{[A-Z_]+:-\}$"));

    [Test]
    public void The_images_of_our_services_tell_their_health_by_themselves()
    {
        var dockerfile = File.ReadAllText(Path.Combine(SourceTree.Root, "Dockerfile"));

        foreach (var service in Ours)
            Assert.That(Regex.Count(dockerfile, $"FROM runtime AS {service}\n(?:(?!FROM).*\n)*HEALTHCHECK .* CMD \\[\"dotnet\", \"(Tally\\.\\w+\\.dll)\", \"health\"\\]\nENTRYPOINT \\[\"dotnet\", \"\\1\"\\]"),
                Is.EqualTo(1), service);
    }

    private static int Seconds(string text) => int.Parse(text.TrimEnd('s'), System.Globalization.CultureInfo.InvariantCulture);

    private static IEnumerable<string> Keys(JsonElement element, string path)
    {
        foreach (var property in element.EnumerateObject())
        {
            var name = path.Length == 0 ? property.Name : $"{path}:{property.Name}";
            yield return name;
            if (property.Value.ValueKind == JsonValueKind.Object)
                foreach (var inner in Keys(property.Value, name)) yield return inner;
        }
    }

    [GeneratedRegex(@"^[a-z/-]+:\d+\.\d+(\.\d+)?(-alpine)?$")]
    private static partial Regex Pinned();

    [GeneratedRegex("PASSWORD|SECRET|KEY", RegexOptions.IgnoreCase)]
    private static partial Regex Secret();
}
