using System.ComponentModel.DataAnnotations;

namespace Tally.QueryService.Colours;

/// <summary>Section <c>Colours</c>: where the processors are that may have the colours.</summary>
public sealed class ColourOptions
{
    public const string Section = "Colours";

    /// <summary>Internal addresses of every processor, separated by commas; the one that has the colours answers.</summary>
    [RegularExpression("^https?://[^,/]+/?(,https?://[^,/]+/?)*$", ErrorMessage = "Colours:Processors must be addresses such as http://127.0.0.1:8083, separated by commas.")]
    [Required(ErrorMessage = "Colours:Processors must be addresses such as http://127.0.0.1:8083, separated by commas.")]
    public string Processors { get; set; } = "http://127.0.0.1:8083";

    /// <summary>How long a processor may take to begin its answer, 100 ms to 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00", ErrorMessage = "Colours:Timeout must be from 100 ms to 60 seconds.")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);
}
