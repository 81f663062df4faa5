using System.Diagnostics;
using System.Globalization;

namespace Tally.Bench.Processing;

/// <summary>Further instances of one run, each a process of its own: it says when it counts, and ends when its input is closed.</summary>
public sealed class OtherInstances : IDisposable
{
    private const string Counts = "counts";

    private readonly List<Process> _processes = [];
    private int _counting;

    public OtherInstances(string bootstrap, string topic, string run, int partitions, int megabytes, int count)
    {
        for (var i = 0; i < count; i++)
        {
            string[] arguments = [typeof(OtherInstances).Assembly.Location, "join", bootstrap, topic, run, Text(partitions), Text(i + 2), Text(megabytes)];
            var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
            process.OutputDataReceived += (_, line) =>
            {
                if (line.Data == Counts) Interlocked.Increment(ref _counting);
            };
            process.BeginOutputReadLine();
            _processes.Add(process);
        }
    }

    /// <summary>True once each has partitions.</summary>
    public bool AllRun => Volatile.Read(ref _counting) == _processes.Count;

    /// <summary>Such a process.</summary>
    public static int Join(EngineInstance instance)
    {
        using var stop = new CancellationTokenSource();
        var watch = new Thread(() =>
        {
            while (!instance.Runs) stop.Token.WaitHandle.WaitOne(1);
            Console.WriteLine(Counts);
            Console.In.ReadToEnd();
            stop.Cancel();
        });
        watch.Start();
        try
        {
            instance.Run(stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The others leave at the same time: it was being given their partitions.
        }
        watch.Join();
        return 0;
    }

    public void Dispose()
    {
        foreach (var process in _processes) process.StandardInput.Close();
        foreach (var process in _processes)
        {
            process.WaitForExit();
            process.Dispose();
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
