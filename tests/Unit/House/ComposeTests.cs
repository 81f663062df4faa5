using System.Text.Json;
using YamlDotNet.RepresentationModel;

namespace Tally.Tests.Unit.House;

/// <summary>docker-compose.yml against what the services know.</summary>
public sealed class ComposeTests
{
    private static readonly string[] ReadByTheRuntime = ["OTEL_", "ASPNETCORE_", "DOTNET_"];
    private static readonly string Root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", ".."));

    [TestCase("command-service")]
    [TestCase("processor-service")]
    [TestCase("materializer-service")]
    [TestCase("query-service")]
    [TestCase("topics", "processor-service")]
    public void Every_variable_that_compose_sets_is_one_the_service_knows(string name, string? folder = null)
    {
        var known = Keys(JsonDocument.Parse(File.ReadAllText(Path.Combine(Root, folder ?? name, "appsettings.json"))).RootElement, "").ToHashSet();
        var unknown = Environment(name).Where(v => !ReadByTheRuntime.Any(p => v.StartsWith(p, StringComparison.Ordinal)))
            .Where(v => !known.Contains(v.Replace("__", ":", StringComparison.Ordinal))).ToList();

        Assert.Multiple(() =>
        {
            Assert.That(Environment(name), Is.Not.Empty);
            Assert.That(unknown, Is.Empty, $"not in {folder ?? name}/appsettings.json, which holds {string.Join(", ", known)}");
        });
    }

    [Test]
    public void Compose_has_Kafka_Redis_Grafana_and_an_image_a_service()
    {
        var services = Mapping(Compose(), "services");
        var images = services.Children.Values.Cast<YamlMappingNode>().Select(s => ((YamlScalarNode)s.Children["image"]).Value!).ToList();

        Assert.Multiple(() =>
        {
            foreach (var image in (string[])["apache/kafka:", "redis:", "grafana/otel-lgtm:"]) Assert.That(images, Has.Some.StartsWith(image));
            foreach (var service in (string[])["command-service", "processor-service", "materializer-service", "query-service"])
                Assert.That(images, Has.Some.EqualTo($"tally/{service}"));
        });
    }

    /// <summary>Names of the variables, those that come through a YAML merge key among them.</summary>
    private static IEnumerable<string> Environment(string service)
    {
        var environment = Mapping(Mapping(Mapping(Compose(), "services"), service), "environment");
        foreach (var (key, value) in environment.Children)
        {
            if (((YamlScalarNode)key).Value is not "<<") yield return ((YamlScalarNode)key).Value!;
            else foreach (var merged in ((YamlMappingNode)value).Children.Keys) yield return ((YamlScalarNode)merged).Value!;
        }
    }

    private static YamlMappingNode Compose()
    {
        var yaml = new YamlStream();
        using var text = File.OpenText(Path.Combine(Root, "docker-compose.yml"));
        yaml.Load(text);
        return (YamlMappingNode)yaml.Documents[0].RootNode;
    }

    private static YamlMappingNode Mapping(YamlMappingNode node, string key) => (YamlMappingNode)node.Children[key];

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
}
