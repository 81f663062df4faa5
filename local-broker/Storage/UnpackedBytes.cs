namespace Tally.LocalBroker.Storage;

/// <summary>Growing target of an unpacker, with a limit: packed bytes can claim any size.</summary>
internal sealed class UnpackedBytes(int capacity, int bytesMax)
{
    private byte[] _bytes = new byte[Math.Min(Math.Max(capacity, 256), bytesMax)];
    private int _length;

    public void Append(ReadOnlySpan<byte> data)
    {
        Ensure(data.Length);
        data.CopyTo(_bytes.AsSpan(_length));
        _length += data.Length;
    }

    /// <summary>Copies from what was written <paramref name="distance"/> bytes ago; the copy may run into itself.</summary>
    public void Repeat(int distance, int count)
    {
        if (distance <= 0 || distance > _length || count < 0)
            throw new InvalidDataException("a packed reference points outside the data");
        Ensure(count);
        for (int i = 0; i < count; i++, _length++)
            _bytes[_length] = _bytes[_length - distance];
    }

    public byte[] ToArray() => _bytes.AsSpan(0, _length).ToArray();

    private void Ensure(int count)
    {
        if (count > bytesMax - _length)
            throw new InvalidDataException("The unpacked records are too large.");
        if (_bytes.Length - _length < count)
            Array.Resize(ref _bytes, (int)Math.Min(bytesMax, Math.Max(_bytes.Length * 2L, _length + (long)count)));
    }
}
