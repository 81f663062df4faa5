using System.Buffers.Binary;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Coordinators;

/// <summary>
/// Gives out producer ids, each once for ever: the end of a block is stored before its first id is used, so a killed broker skips the rest of its block
/// instead of giving an id twice, which would be silent loss of data.
/// </summary>
internal sealed class ProducerIds
{
    private const byte Version = 1;
    private const int BlockSize = 1000;

    // Nobody was ever given an id like this: a client made it up.
    private const long MadeUpFrom = long.MaxValue / 2;
    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly bool _flush;
    private long _next;
    private long _reservedEnd;

    public ProducerIds(string path, bool flush)
    {
        (_path, _flush) = (path, flush);
        if (FramedFile.TryLoad(path, FileKind.ProducerIds, Version) is { } payload)
            _next = _reservedEnd = BinaryPrimitives.ReadInt64BigEndian(payload);
    }

    /// <summary>Skips every id up to the given one: the file may be lost although its ids are in use.</summary>
    public void StartAbove(long id)
    {
        lock (_gate)
        {
            if (id >= _reservedEnd && id < MadeUpFrom)
                _next = _reservedEnd = id + 1;
        }
    }

    public long Next()
    {
        lock (_gate)
        {
            if (_next == _reservedEnd)
                Reserve();
            return _next++;
        }
    }

    private void Reserve()
    {
        var payload = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(payload, _reservedEnd + BlockSize);
        FramedFile.Replace(_path, FileKind.ProducerIds, Version, payload, _flush);
        _reservedEnd += BlockSize;
    }
}
