using Google.Protobuf;
using Google.Protobuf.Reflection;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Contracts;

/// <summary>
/// Today's .proto against the released one (Released/analytics.pb, a FileDescriptorSet). Records of every release lie in topics, so a
/// field may be added and nothing else. After a release that adds some: run the explicit test below and commit the file.
/// </summary>
public sealed class DescriptorTests
{
    private static readonly string Source =
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "tests", "Unit", "Contracts", "Released", "analytics.pb"));

    private static FileDescriptorProto Today => FileDescriptorProto.Parser.ParseFrom(AnalyticsReflection.Descriptor.SerializedData);

    private static FileDescriptorProto Released => FileDescriptorSet.Parser.ParseFrom(File.ReadAllBytes(Source)).File.Single();

    [Test]
    public void No_released_field_was_removed_renumbered_or_retyped() => Assert.That(DescriptorDifferences.Of(Released, Today), Is.Empty);

    [Test]
    public void Every_kind_of_breaking_change_is_seen()
    {
        Assert.Multiple(() =>
        {
            Seen("removed", m => m.Field.RemoveAt(0));
            Seen("renumbered", m => m.Field[0].Number = 99);
            Seen("retyped", m => m.Field[0].Type = FieldDescriptorProto.Types.Type.String);
            Seen("renamed", m => m.Field[0].Name = "other");
            Seen("repeated", m => m.Field[0].Label = FieldDescriptorProto.Types.Label.Repeated);
        });
        var withoutEnumValue = Today.Clone();
        withoutEnumValue.EnumType[0].Value.RemoveAt(1);
        Assert.That(DescriptorDifferences.Of(Released, withoutEnumValue), Is.Not.Empty);
        var withoutMessage = Today.Clone();
        withoutMessage.MessageType.RemoveAt(0);
        Assert.That(DescriptorDifferences.Of(Released, withoutMessage), Is.Not.Empty);
    }

    [Test]
    public void An_added_field_is_no_breaking_change()
    {
        var changed = Today.Clone();
        changed.MessageType[0].Field.Add(new FieldDescriptorProto { Name = "added", Number = 1000, Type = FieldDescriptorProto.Types.Type.Int64 });
        Assert.That(DescriptorDifferences.Of(Released, changed), Is.Empty);
    }

    [Test, Explicit("Writes the released descriptor: only when a release adds fields.")]
    public void Release()
    {
        var set = new FileDescriptorSet();
        set.File.Add(Today);
        File.WriteAllBytes(Source, set.ToByteArray());
    }

    private static void Seen(string change, Action<DescriptorProto> breaking)
    {
        var changed = Today.Clone();
        breaking(changed.MessageType[0]);
        Assert.That(DescriptorDifferences.Of(Released, changed), Is.Not.Empty, change);
    }
}
