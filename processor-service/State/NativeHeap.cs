using System.Runtime.InteropServices;

namespace Tally.ProcessorService.State;

/// <summary>
/// glibc keeps what was freed for the next time, and takes tables of up to 32 MiB from the same heap as lists of 64 bytes, so that their
/// room is split up and stays with the process. Tables are given pages of their own, and what evicting freed goes back to the machine.
/// Without glibc nothing happens.
/// </summary>
public static partial class NativeHeap
{
    private const int TrimThreshold = -1;
    private const int MapThreshold = -3;
    private const int MappedBytes = 128 << 10;

    private static readonly bool IsGlibc = TryTune();

    /// <summary>To be called before the first client is made: what it fetches lies in pieces of a megabyte.</summary>
    /// <returns>Whether anything was set.</returns>
    public static bool Tune() => IsGlibc;

    /// <summary>
    /// What a table of so many bytes costs the process: small ones leave gaps where they stood before they grew, about a quarter of the heap that many of them share.
    /// </summary>
    public static long Cost(long bytes) => bytes >= MappedBytes ? bytes : bytes + (bytes / 4);

    /// <summary>Gives whole free pages back to the machine.</summary>
    public static void GiveBack()
    {
        if (IsGlibc) _ = Trim(0);
    }

    private static bool TryTune()
    {
        if (!OperatingSystem.IsLinux()) return false;
        try
        {
            return SetOption(MapThreshold, MappedBytes) != 0 && SetOption(TrimThreshold, MappedBytes) != 0;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint pad);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
