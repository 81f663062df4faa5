using System.Buffers.Binary;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Coordinators;

/// <summary>
/// Gives out producer ids, each once for ever: the end of a block is stored before its first id is used, so a killed broker skips the rest of its block
/// instead of giving an id twice, which would be silent loss of data.
/// </summary>
internal sealed partial class ProducerIds
{
    private const byte Version = 1;
    private const int BlockSize = 1000;

    // Nobody was ever given an id like this: a client made it up.
    private const long MadeUpFrom = long.MaxValue / 2;
    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly bool _flush;
    private readonly ILogger _log;
    private long _next;
    private long _reservedEnd;

    public ProducerIds(string path, bool flush, ILogger log)
    {
        (_path, _flush, _log) = (path, flush, log);
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

    /// <summary>False when the next block could not be stored, as on a full disk.</summary>
    public bool TryNext(out long id)
    {
        lock (_gate)
        {
            id = -1;
            if (_next == _reservedEnd && !TryReserve())
                return false;
            id = _next++;
            return true;
        }
    }

    private bool TryReserve()
    {
        var payload = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(payload, _reservedEnd + BlockSize);
        try
        {
            FramedFile.Replace(_path, FileKind.ProducerIds, Version, payload, _flush);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotReserved(_path, e.Message);
            return false;
        }

        _reservedEnd += BlockSize;
        return true;
    }

    [LoggerMessage(1, LogLevel.Error, "{Path}: no producer ids can be given until it can be written again: {Reason}")]
    private partial void LogNotReserved(string path, string reason);
}
