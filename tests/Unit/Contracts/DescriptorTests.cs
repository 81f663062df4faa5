using Google.Protobuf;
using Google.Protobuf.Reflection;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Contracts;

/// <summary>
/// Today's .proto files against the released ones (Released/*.pb, each a FileDescriptorSet). Records of every release lie in topics, so a
/// field may be added and nothing else. After a release that adds some: run the explicit test below and commit the file.
/// </summary>
public sealed class DescriptorTests
{
    private static readonly string Folder =
        System.IO.Path.GetFullPath(System.IO.Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "tests", "Unit", "Contracts", "Released"));

    private static readonly FileDescriptor[] Files = [AnalyticsReflection.Descriptor, FlowsReflection.Descriptor, FramesReflection.Descriptor, ColoursReflection.Descriptor];

    private static FileDescriptorProto Today => OfToday(AnalyticsReflection.Descriptor);

    private static FileDescriptorProto Released => OfRelease(AnalyticsReflection.Descriptor);

    [TestCaseSource(nameof(Files))]
    public void No_released_field_was_removed_renumbered_or_retyped(FileDescriptor file) =>
        Assert.That(DescriptorDifferences.Of(OfRelease(file), OfToday(file)), Is.Empty);

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
        foreach (var file in Files) File.WriteAllBytes(Path(file), new FileDescriptorSet { File = { OfToday(file) } }.ToByteArray());
    }

    private static string Path(FileDescriptor file) => System.IO.Path.Combine(Folder, System.IO.Path.ChangeExtension(System.IO.Path.GetFileName(file.Name), ".pb"));

    private static FileDescriptorProto OfToday(FileDescriptor file) => FileDescriptorProto.Parser.ParseFrom(file.SerializedData);

    private static FileDescriptorProto OfRelease(FileDescriptor file) => FileDescriptorSet.Parser.ParseFrom(File.ReadAllBytes(Path(file))).File.Single();

    private static void Seen(string change, Action<DescriptorProto> breaking)
    {
        var changed = Today.Clone();
        breaking(changed.MessageType[0]);
        Assert.That(DescriptorDifferences.Of(Released, changed), Is.Not.Empty, change);
    }
}
