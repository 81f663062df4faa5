/// <summary>
/// Run by .NET inside a program before its Main, where <c>DOTNET_STARTUP_HOOKS</c> names this assembly; .NET asks for this very name, outside of any namespace. While the file
/// that <see cref="Variable"/> names is there, a hundred calls block the program's thread pool; <c>.starved</c> beside it says that they do.
/// </summary>
internal static class StartupHook
{
    public const string Variable = "TALLY_TESTS_STARVE_WHILE";
    public const string StarvedEnding = ".starved";
    private const int Calls = 100;

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } file) return;
        new Thread(() => StarveWhile(file)) { IsBackground = true, Name = "starve" }.Start();
    }

    private static void StarveWhile(string file)
    {
        using var goOn = new ManualResetEventSlim();
        WaitUntil(() => File.Exists(file));
        for (var i = 0; i < Calls; i++) ThreadPool.UnsafeQueueUserWorkItem(_ => goOn.Wait(), null);
        // More wait than the pool has threads for.
        WaitUntil(() => ThreadPool.PendingWorkItemCount > Calls / 2 && ThreadPool.ThreadCount > 1);
        File.WriteAllText(file + StarvedEnding, "");
        WaitUntil(() => !File.Exists(file));
        goOn.Set();
        WaitUntil(() => ThreadPool.PendingWorkItemCount == 0);
    }

    private static void WaitUntil(Func<bool> holds)
    {
        using var never = new ManualResetEventSlim();
        while (!holds()) never.Wait(TimeSpan.FromMilliseconds(20));
    }
}
