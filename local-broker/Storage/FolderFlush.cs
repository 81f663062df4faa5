using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tally.LocalBroker.Storage;

/// <summary>Makes a rename or a new file in a folder survive a power cut. .NET cannot open a folder, so this asks the C library; elsewhere than on Unix it does nothing.</summary>
internal static partial class FolderFlush
{
    private const int ReadOnlyFolder = 0x10000;

    public static void Flush(string folder)
    {
        if (!OperatingSystem.IsLinux())
            return;
        int descriptor = Open(folder, ReadOnlyFolder);
        if (descriptor < 0)
            return;
        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        _ = Fsync(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Fsync(int descriptor);
}
