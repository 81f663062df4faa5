using System.Buffers.Binary;
using System.Text;
using Confluent.Kafka;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor;

/// <summary>
/// A job that has nothing to do with analytics: how often each word came, the word being a record's value. A count is absolute and says all there is to
/// know of a word, so that its topic is the changelog as well. What has no word is a dead letter.
/// </summary>
public sealed class WordCounts : IJob
{
    public const string NoWord = "no-word";

    private const string KeyPrefix = "word|";
    private static readonly byte[] Type = "word-count/1"u8.ToArray();

    public string Name => "words";

    public JobTopics Topics { get; } = new("words", "words.counts", "words.counts", "words.dead-letter");

    public int Generation => 1;

    public IJobTask CreateTask(int partition, int partitionCount) => new CountTask();

    /// <summary>Reads a record of the output that is not progress.</summary>
    public static (string Word, long Count) Read(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        (Encoding.UTF8.GetString(key)[KeyPrefix.Length..], BinaryPrimitives.ReadInt64BigEndian(value));

    private sealed class CountTask : IJobTask
    {
        private readonly Dictionary<string, long> _counts = [];
        private readonly HashSet<string> _changed = [];

        public void Restore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Headers? headers)
        {
            var (word, count) = Read(key, value);
            _counts[word] = count;
        }

        public string? Resume(Progress progress) => null;

        public Outcome Process(in LogRecord record)
        {
            if (record.Value.IsEmpty) return Outcome.DeadLetter(NoWord, "The record has no value.");
            var word = Encoding.UTF8.GetString(record.Value);
            _counts[word] = _counts.GetValueOrDefault(word) + 1;
            _changed.Add(word);
            return Outcome.Counted;
        }

        public void Emit(long nextOffset, IEmit emit)
        {
            foreach (var word in _changed)
            {
                var count = new byte[sizeof(long)];
                BinaryPrimitives.WriteInt64BigEndian(count, _counts[word]);
                emit.Output(Encoding.UTF8.GetBytes(KeyPrefix + word), count, Type);
            }
            _changed.Clear();
        }

        public void Describe(Progress progress)
        {
        }

        public void Dispose()
        {
        }
    }
}
