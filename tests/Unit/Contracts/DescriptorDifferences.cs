using Google.Protobuf.Reflection;

namespace Tally.Tests.Unit.Contracts;

/// <summary>What in a .proto would keep today's programs from reading records of a release.</summary>
internal static class DescriptorDifferences
{
    public static IEnumerable<string> Of(FileDescriptorProto released, FileDescriptorProto today)
    {
        if (released.Package != today.Package) yield return $"package {released.Package} is {today.Package} now";
        foreach (var fault in Messages(released.Package, released.MessageType, today.MessageType)) yield return fault;
        foreach (var fault in Enums(released.Package, released.EnumType, today.EnumType)) yield return fault;
    }

    private static IEnumerable<string> Messages(string scope, IEnumerable<DescriptorProto> released, IReadOnlyList<DescriptorProto> today)
    {
        foreach (var message in released)
        {
            var name = $"{scope}.{message.Name}";
            if (today.FirstOrDefault(m => m.Name == message.Name) is not { } now)
            {
                yield return $"{name} is gone";
                continue;
            }
            foreach (var fault in Fields(name, message, now)) yield return fault;
            foreach (var fault in Messages(name, message.NestedType, now.NestedType)) yield return fault;
            foreach (var fault in Enums(name, message.EnumType, now.EnumType)) yield return fault;
        }
    }

    private static IEnumerable<string> Fields(string message, DescriptorProto released, DescriptorProto today)
    {
        foreach (var field in released.Field)
        {
            var now = today.Field.FirstOrDefault(f => f.Number == field.Number);
            if (now is null) yield return $"{message}.{field.Name} = {field.Number} is gone";
            else if (Shape(now) != Shape(field)) yield return $"{message}.{field.Name} was {Shape(field)} and is {Shape(now)}";
        }
    }

    private static IEnumerable<string> Enums(string scope, IEnumerable<EnumDescriptorProto> released, IReadOnlyList<EnumDescriptorProto> today)
    {
        foreach (var one in released)
        {
            var now = today.FirstOrDefault(e => e.Name == one.Name);
            foreach (var value in one.Value)
                if (now?.Value.FirstOrDefault(v => v.Number == value.Number)?.Name != value.Name)
                    yield return $"{scope}.{one.Name}.{value.Name} = {value.Number} is gone";
        }
    }

    private static string Shape(FieldDescriptorProto field) => $"{field.Label} {field.Type} {field.TypeName} {field.Name} = {field.Number}";
}
