namespace Tally.Shared.ReadModel;

/// <summary>The Lua scripts beside this file. They run atomically, which is what every promise of the Redis view rests on.</summary>
internal static class RedisScripts
{
    public static readonly string Apply = Text("hour") + Text("apply");
    public static readonly string Read = Text("read");
    public static readonly string RefillBegin = Text("refill-begin");
    public static readonly string RefillMerge = Text("hour") + Text("refill-merge");

    public static readonly string Point = Text("point");

    private static string Text(string name)
    {
        using var stream = typeof(RedisScripts).Assembly.GetManifestResourceStream($"Tally.Shared.ReadModel.{name}.lua")
            ?? throw new InvalidOperationException($"{name}.lua is not embedded.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd() + "\n";
    }
}
