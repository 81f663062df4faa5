using YamlDotNet.RepresentationModel;

namespace Tally.Tests.Unit.House;

/// <summary>docker-compose.yml as compose sees it: anchors and merge keys resolved.</summary>
internal sealed class ComposeFile
{
    private readonly YamlMappingNode _root;

    public ComposeFile(string path)
    {
        var yaml = new YamlStream();
        using var text = File.OpenText(path);
        yaml.Load(text);
        _root = (YamlMappingNode)yaml.Documents[0].RootNode;
        Services = ((YamlMappingNode)_root.Children["services"]).Children
            .ToDictionary(s => ((YamlScalarNode)s.Key).Value!, IReadOnlyDictionary<string, YamlNode> (s) => Merged((YamlMappingNode)s.Value));
    }

    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, YamlNode>> Services { get; }

    public IEnumerable<string> Volumes => ((YamlMappingNode)_root.Children["volumes"]).Children.Keys.Select(k => ((YamlScalarNode)k).Value!);

    /// <summary>Name and value of each environment variable.</summary>
    public IReadOnlyDictionary<string, string> Environment(string service) =>
        Services[service].TryGetValue("environment", out var node)
            ? Merged((YamlMappingNode)node).ToDictionary(e => e.Key, e => ((YamlScalarNode)e.Value).Value ?? "")
            : new Dictionary<string, string>();

    public string? Text(string service, string key) => Services[service].TryGetValue(key, out var node) ? ((YamlScalarNode)node).Value : null;

    public IReadOnlyList<string> List(string service, string key) =>
        Services[service].TryGetValue(key, out var node) ? [.. ((YamlSequenceNode)node).Select(n => ((YamlScalarNode)n).Value!)] : [];

    /// <summary>Service waited for and the condition.</summary>
    public IReadOnlyDictionary<string, string> DependsOn(string service) =>
        Services[service].TryGetValue("depends_on", out var node)
            ? ((YamlMappingNode)node).Children.ToDictionary(
                d => ((YamlScalarNode)d.Key).Value!, d => ((YamlScalarNode)((YamlMappingNode)d.Value).Children["condition"]).Value!)
            : new Dictionary<string, string>();

    /// <summary>A mapping with what its merge key brings; its own entries win, then the first merged one.</summary>
    private static Dictionary<string, YamlNode> Merged(YamlMappingNode mapping)
    {
        var result = mapping.Children.Where(c => ((YamlScalarNode)c.Key).Value != "<<").ToDictionary(c => ((YamlScalarNode)c.Key).Value!, c => c.Value);
        if (!mapping.Children.TryGetValue("<<", out var from)) return result;
        foreach (var merged in from is YamlSequenceNode many ? many.Children : [from])
            foreach (var (key, value) in Merged((YamlMappingNode)merged)) result.TryAdd(key, value);
        return result;
    }
}
