using Microsoft.Extensions.Options;
using Tally.QueryService.Reading;

namespace Tally.QueryService.Positions;

/// <summary>Reads that wait must leave places to those that do not: they are answered whatever the processor does.</summary>
public sealed class PositionOptionsCheck(IOptions<QueryOptions> query) : IValidateOptions<PositionOptions>
{
    public ValidateOptionsResult Validate(string? name, PositionOptions options) =>
        options.MaxWaiting < query.Value.MaxRequests
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                $"Positions:MaxWaiting is {options.MaxWaiting} and Query:MaxRequests {query.Value.MaxRequests}: fewer must wait than may be at work, or reads that wait keep out all others.");
}
