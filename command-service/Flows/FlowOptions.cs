using System.ComponentModel.DataAnnotations;

namespace Tally.CommandService.Flows;

/// <summary>Section <c>Flows</c>: how large an array may be, and how much may be under way.</summary>
public sealed class FlowOptions
{
    public const string Section = "Flows";

    /// <summary>Most elements of an array, 1 to 100,000; one more is answered 413.</summary>
    [Range(1, 100_000, ErrorMessage = "Flows:MaxElements must be from 1 to 100000.")]
    public int MaxElements { get; set; } = 10_000;

    /// <summary>Largest body in bytes, 1 KiB to 15 MiB: an array is one record, and the topic takes 16 MiB.</summary>
    [Range(1024, 15 << 20, ErrorMessage = "Flows:MaxBodyBytes must be from 1024 to 15728640.")]
    public int MaxBodyBytes { get; set; } = 8 << 20;

    /// <summary>Bytes of bodies being read or waiting for Kafka, 1 MiB to 1 GiB; what exceeds it is answered 503. More than one body.</summary>
    [Range(1 << 20, 1 << 30, ErrorMessage = "Flows:MaxBytesInFlight must be from 1048576 to 1073741824.")]
    public int MaxBytesInFlight { get; set; } = 64 << 20;
}
