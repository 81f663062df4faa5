using System.Runtime.InteropServices;

namespace Tally.LocalBroker.Storage;

/// <summary>
/// Unpacks Zstandard (RFC 8878) by the system's libzstd, which librdkafka brings along; .NET has none of its own. Where it is missing, batches in this codec
/// are stored and served all the same, only never looked into.
/// </summary>
internal static partial class Zstd
{
    private const string Library = "libzstd.so.1";
    private const int ChunkBytes = 128 * 1024;

    /// <summary>Whether the library is there.</summary>
    public static bool IsAvailable { get; } = NativeLibrary.TryLoad(Library, out _);

    /// <summary>Throws <see cref="InvalidDataException"/> when the bytes are no Zstandard, end too early, or hold more than <paramref name="bytesMax"/>.</summary>
    public static unsafe byte[] Unpack(ReadOnlySpan<byte> packed, int bytesMax)
    {
        nint stream = CreateStream();
        if (stream == 0)
            throw new InvalidDataException("libzstd gives no decompressor.");
        try
        {
            var target = new UnpackedBytes(packed.Length * 4, bytesMax);
            var chunk = new byte[ChunkBytes];
            fixed (byte* source = packed)
            fixed (byte* unpacked = chunk)
            {
                var input = new Buffer { Bytes = source, Size = (nuint)packed.Length };
                nuint left;
                Buffer output;
                do
                {
                    output = new Buffer { Bytes = unpacked, Size = ChunkBytes };
                    left = Decompress(stream, ref output, ref input);
                    if (IsError(left) != 0)
                        throw new InvalidDataException("not Zstandard");
                    target.Append(chunk.AsSpan(0, (int)output.Position));
                }
                while (input.Position < input.Size || (left > 0 && output.Position == output.Size));
                // What remains of the frame: nothing when it has ended and all of it has been given.
                return left == 0 ? target.ToArray() : throw new InvalidDataException("The packed records end too early.");
            }
        }
        finally
        {
            FreeStream(stream);
        }
    }

    [LibraryImport(Library, EntryPoint = "ZSTD_createDStream")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint CreateStream();

    [LibraryImport(Library, EntryPoint = "ZSTD_freeDStream")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nuint FreeStream(nint stream);

    [LibraryImport(Library, EntryPoint = "ZSTD_decompressStream")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nuint Decompress(nint stream, ref Buffer output, ref Buffer input);

    [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial uint IsError(nuint code);

    /// <summary>ZSTD_inBuffer and ZSTD_outBuffer.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Buffer
    {
        public byte* Bytes;
        public nuint Size;
        public nuint Position;
    }
}
