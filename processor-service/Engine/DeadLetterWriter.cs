using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Engine;

/// <summary>Makes a dead letter of a record: its own key, value and headers, and why and where from.</summary>
public sealed class DeadLetterWriter(string topic, int bytesMax)
{
    /// <summary>Present on a record that was too large to be kept whole: the length of its value.</summary>
    public const string CutHeader = "tally-cut-from-bytes";

    public OutputRecord Write(in LogRecord record, Outcome outcome)
    {
        var headers = new Headers();
        foreach (var header in record.Headers ?? []) headers.Add(header.Key, header.GetValueBytes());
        Add(headers, DeadLetterHeaders.Reason, outcome.Reason);
        Add(headers, DeadLetterHeaders.Message, outcome.Message);
        Add(headers, DeadLetterHeaders.Topic, topic);
        Add(headers, DeadLetterHeaders.Partition, record.Partition.ToString(CultureInfo.InvariantCulture));
        Add(headers, DeadLetterHeaders.Offset, record.Offset.ToString(CultureInfo.InvariantCulture));
        var key = record.Key[..Math.Min(record.Key.Length, bytesMax)];
        var value = record.Value[..Math.Min(record.Value.Length, bytesMax - key.Length)];
        if (value.Length < record.Value.Length) Add(headers, CutHeader, record.Value.Length.ToString(CultureInfo.InvariantCulture));
        return new OutputRecord(record.HasKey ? key.ToArray() : null, record.HasValue ? value.ToArray() : null, headers);
    }

    private static void Add(Headers headers, string name, string text)
    {
        // A header of the record itself must not pass for ours.
        headers.Remove(name);
        headers.Add(name, Encoding.UTF8.GetBytes(text));
    }
}
