using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

namespace Tally.ProcessorService.Jobs.Frames.StandardInput;

/// <summary>
/// <c>frames-stdin [--Frames:Lateness=00:00:10 …]</c>: counts the frames that standard input brings, a line each, prints results as lines of
/// JSON while it does, and at the end one line that sums up.
/// </summary>
public static class FramesStdinCommand
{
    public const string Verb = "frames-stdin";

    /// <summary>How often results are printed while more is to be read.</summary>
    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <returns>Exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
            builder.Services.AddValidatedOptions<FramesOptions>(FramesOptions.Section);
            await using var app = builder.Build();
            var options = app.Services.GetRequiredService<IOptions<FramesOptions>>().Value;
            var folder = Directory.CreateTempSubdirectory("tally-frames-").FullName;
            using var files = new WindowFiles(folder);
            // Nothing outlives this run, so a key made for it is enough.
            var hasher = new UserHasher(RandomNumberGenerator.GetBytes(UserHasher.KeyBytes));
            using var tally = new FrameTally(options.ToRules(), new FrameScanner(options.ValidateTail), hasher, files);
            await using var input = Console.OpenStandardInput();
            await using var output = new BufferedStream(Console.OpenStandardOutput(), 1 << 16);
            await RunAsync(tally, input, output, TimeProvider.System).ConfigureAwait(false);
            return 0;
        }
        catch (Exception e) when (ServiceRun.Sentence(e) is { } sentence)
        {
            await Console.Error.WriteLineAsync($"{Verb}: {sentence}").ConfigureAwait(false);
            return ServiceRun.WrongConfiguration;
        }
    }

    /// <summary>Counts until the end of the input.</summary>
    public static async Task RunAsync(FrameTally tally, Stream input, Stream output, TimeProvider clock)
    {
        var lines = new FrameLines(input);
        var began = clock.GetTimestamp();
        var (printed, heard) = (began, began);
        var isMore = true;
        while (isMore)
        {
            var filling = lines.FillAsync(CancellationToken.None).AsTask();
            while (!filling.IsCompleted)
            {
                if (await Task.WhenAny(filling, Task.Delay(Look, clock)).ConfigureAwait(false) == filling) break;
                await PrintAsync(tally.Results((long)clock.GetElapsedTime(heard).TotalSeconds), output).ConfigureAwait(false);
            }
            isMore = await filling.ConfigureAwait(false);
            Take(tally, lines);
            heard = clock.GetTimestamp();
            if (clock.GetElapsedTime(printed, heard) < Refresh) continue;
            printed = heard;
            await PrintAsync(tally.Results(idleSeconds: 0), output).ConfigureAwait(false);
        }
        await PrintAsync(tally.Close(), output).ConfigureAwait(false);
        await output.WriteAsync(System.Text.Encoding.ASCII.GetBytes(tally.Summary(clock.GetElapsedTime(began)) + '\n')).ConfigureAwait(false);
        await output.FlushAsync().ConfigureAwait(false);
    }

    private static void Take(FrameTally tally, FrameLines lines)
    {
        while (lines.TryNext(out var line)) tally.Take(line);
    }

    private static async Task PrintAsync(IReadOnlyList<WindowResult> results, Stream output)
    {
        foreach (var result in results)
        {
            await output.WriteAsync(result.ToJson()).ConfigureAwait(false);
            output.WriteByte((byte)'\n');
        }
        if (results.Count > 0) await output.FlushAsync().ConfigureAwait(false);
    }
}
