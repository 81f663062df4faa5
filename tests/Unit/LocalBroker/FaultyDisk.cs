using Microsoft.Win32.SafeHandles;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker;

/// <summary>A disk that is full or broken when told so. A write that does not fit leaves the part that did, as the system's own does.</summary>
internal sealed class FaultyDisk : Disk
{
    /// <summary>Bytes that may still be written.</summary>
    public long Room { get; set; } = long.MaxValue;

    /// <summary>Writes that succeed before there is no room for any.</summary>
    public int WritesBefore { get; set; } = int.MaxValue;

    /// <summary>What a write without room ends with.</summary>
    public Exception OnFull { get; set; } = new IOException("No space left on device");

    /// <summary>What a read ends with.</summary>
    public Exception? OnRead { get; set; }

    /// <summary>What a flush ends with.</summary>
    public Exception? OnFlush { get; set; }

    /// <summary>Flushes that succeed before <see cref="OnFlush"/> is met.</summary>
    public int FlushesBefore { get; set; }

    /// <summary>Flushes that succeeded.</summary>
    public int Flushes { get; private set; }

    public override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long at)
    {
        int fits = WritesBefore-- <= 0 ? 0 : (int)Math.Min(bytes.Length, Room);
        Room -= fits;
        base.Write(file, bytes[..fits], at);
        if (fits < bytes.Length)
            throw OnFull;
    }

    public override int Read(SafeFileHandle file, Span<byte> into, long at) => OnRead is null ? base.Read(file, into, at) : throw OnRead;

    public override void Flush(SafeFileHandle file)
    {
        if (OnFlush is not null && FlushesBefore-- <= 0)
            throw OnFlush;
        base.Flush(file);
        Flushes++;
    }
}
