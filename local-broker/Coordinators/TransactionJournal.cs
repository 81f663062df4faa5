using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Coordinators;

/// <summary>The transactions' journal file: the whole state of one transactional id in each entry, the last one counts. Entry numbers are stored.</summary>
internal sealed class TransactionJournal : IDisposable
{
    private const byte Version = 1;
    private const sbyte StateEntry = 1;
    private const sbyte RemovedEntry = 2;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, byte[]> _latest = new(StringComparer.Ordinal);
    private readonly Journal _journal;

    public TransactionJournal(string path, StorageContext context)
    {
        _journal = Journal.Open(path, FileKind.Transactions, Version, context, entry =>
        {
            var reader = new WireReader(entry.Span);
            sbyte kind = reader.ReadInt8();
            if (kind is not (StateEntry or RemovedEntry))
                throw new DataFolderException($"{path} holds an entry of unknown kind {kind}.");
            string id = reader.ReadString();
            if (kind == StateEntry)
                _latest[id] = entry.ToArray();
            else
                _latest.Remove(id);
        });
    }

    /// <summary>The transactions as they stood when the broker ended.</summary>
    public IReadOnlyList<Transaction> Load() => [.. _latest.Values.Select(Parse)];

    /// <summary>True after a failed flush: what was saved before may not be on the disk, and nothing more is.</summary>
    public bool HasFailed => _journal.HasFailed;

    /// <summary>False when it could not be written.</summary>
    public bool TrySave(Transaction transaction)
    {
        using var writer = new WireWriter();
        writer.WriteInt8(StateEntry);
        transaction.Write(writer);
        return TryAppend(transaction.Id, writer.Written.ToArray(), keep: true);
    }

    public void Remove(string id)
    {
        using var writer = new WireWriter();
        writer.WriteInt8(RemovedEntry);
        writer.WriteString(id);
        TryAppend(id, writer.Written.ToArray(), keep: false);
    }

    public void Dispose() => _journal.Dispose();

    private static Transaction Parse(byte[] entry)
    {
        var reader = new WireReader(entry);
        reader.ReadInt8();
        return Transaction.Read(ref reader);
    }

    private bool TryAppend(string id, byte[] entry, bool keep)
    {
        lock (_gate)
        {
            try
            {
                _journal.Append(entry);
                if (keep)
                    _latest[id] = entry;
                else
                    _latest.Remove(id);
                if (_journal.IsWorthRewriting)
                    _journal.Rewrite(_latest.Values.Select(e => new ReadOnlyMemory<byte>(e)));
                return true;
            }
            catch (IOException)
            {
                return false;
            }
        }
    }
}
