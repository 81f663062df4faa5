using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Colours;

/// <summary>The account of the colours, which only the processor that has them knows.</summary>
public sealed class ColourProgressSource(ColourSource processors) : IProgressRecordSource
{
    public string Name => "processor";

    public string Job => "colours";

    /// <exception cref="HttpRequestException">No processor has the colours.</exception>
    public async Task<IReadOnlyList<Progress>> ReadRecordsAsync(CancellationToken cancellation)
    {
        using var answer = await processors.AskAsync("/events/progress", cancellation) ?? throw new HttpRequestException("No processor has the colours.");
        using var body = new MemoryStream(await answer.Content.ReadAsByteArrayAsync(cancellation));
        var records = new List<Progress>();
        while (body.Position < body.Length) records.Add(Progress.Parser.ParseDelimitedFrom(body));
        return records;
    }
}
