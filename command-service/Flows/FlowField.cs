using System.Text;

namespace Tally.CommandService.Flows;

/// <summary>A field of a flow: its name in JSON and its number in the record.</summary>
/// <param name="Name">In JSON.</param>
/// <param name="Number">In <see cref="Shared.Contracts.Flow"/>.</param>
/// <param name="IsName">A string; otherwise a number.</param>
public sealed record FlowField(string Name, int Number, bool IsName)
{
    public static readonly FlowField[] All =
    [
        new("src_app", 1, true), new("dest_app", 2, true), new("vpc_id", 3, true),
        new("bytes_tx", 4, false), new("bytes_rx", 5, false), new("hour", 6, false),
    ];

    public byte[] Utf8 { get; } = Encoding.UTF8.GetBytes(Name);
}
