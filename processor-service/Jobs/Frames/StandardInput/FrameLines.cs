namespace Tally.ProcessorService.Jobs.Frames.StandardInput;

/// <summary>Cuts a stream into lines without making strings of them.</summary>
public sealed class FrameLines(Stream input)
{
    private byte[] _buffer = new byte[1 << 18];
    private int _from;
    private int _to;
    private bool _isOver;

    /// <summary>Reads more.</summary>
    /// <returns>False at the end of the stream.</returns>
    public async ValueTask<bool> FillAsync(CancellationToken cancellation)
    {
        if (_isOver) return false;
        if (_from > 0)
        {
            _buffer.AsSpan(_from, _to - _from).CopyTo(_buffer);
            (_from, _to) = (0, _to - _from);
        }
        if (_to == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
        var read = await input.ReadAsync(_buffer.AsMemory(_to), cancellation).ConfigureAwait(false);
        _to += read;
        _isOver = read == 0;
        return !_isOver;
    }

    /// <summary>Hands out the next whole line without its end, and at the end of the stream what is left.</summary>
    public bool TryNext(out ReadOnlySpan<byte> line)
    {
        var rest = _buffer.AsSpan(_from, _to - _from);
        var end = rest.IndexOf((byte)'\n');
        line = end < 0 ? rest : rest[..end];
        if (end < 0 && (!_isOver || rest.Length == 0)) return false;
        _from += end < 0 ? rest.Length : end + 1;
        return true;
    }
}
