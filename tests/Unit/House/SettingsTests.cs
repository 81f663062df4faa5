using System.Reflection;
using System.Text.Json;

namespace Tally.Tests.Unit.House;

/// <summary>Every key of every service's appsettings.json is one that some options class binds.</summary>
public sealed class SettingsTests
{
    [TestCase("command-service", "Tally.CommandService")]
    [TestCase("processor-service", "Tally.ProcessorService")]
    [TestCase("materializer-service", "Tally.MaterializerService")]
    [TestCase("query-service", "Tally.QueryService")]
    public void Every_setting_is_known(string folder, string assembly)
    {
        var path = Path.Combine(SourceTree.Root, folder, "appsettings.json");
        Assert.That(path, Does.Exist);
        var sections = Sections(Assembly.Load(assembly)).Concat(Sections(Assembly.Load("Tally.Shared"))).ToLookup(s => s.Section, s => s.Type);
        var unknown = JsonDocument.Parse(File.ReadAllText(path)).RootElement.EnumerateObject()
            .SelectMany(section => sections[section.Name].FirstOrDefault() is { } type
                ? Unknown(section.Value, type, section.Name)
                : [section.Name]);

        Assert.That(unknown, Is.Empty);
    }

    private static IEnumerable<(string Section, Type Type)> Sections(Assembly assembly) =>
        from type in assembly.GetTypes()
        let field = type.GetField("Section", BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static)
        where field is { IsLiteral: true }
        select ((string)field.GetRawConstantValue()!, type);

    private static IEnumerable<string> Unknown(JsonElement element, Type type, string path)
    {
        if (element.ValueKind != JsonValueKind.Object || IsDictionary(type)) yield break;
        foreach (var property in element.EnumerateObject())
        {
            var key = $"{path}:{property.Name}";
            if (type.GetProperty(property.Name) is not { } known) yield return key;
            else foreach (var inner in Unknown(property.Value, known.PropertyType, key)) yield return inner;
        }
    }

    private static bool IsDictionary(Type type) => typeof(System.Collections.IDictionary).IsAssignableFrom(type);
}
