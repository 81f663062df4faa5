namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>What a batch is known again by.</summary>
/// <param name="LastOffset">Of its last record.</param>
/// <param name="Checksum">Of what it holds.</param>
internal readonly record struct BatchMark(long LastOffset, uint Checksum);
