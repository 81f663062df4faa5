using Tally.Tests.Support.Wire;

namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>
/// One scenario with one broker: the requests it can make, and the transcript of what was answered. What may differ between two brokers without a
/// meaning (producer ids, member ids, times) is replaced by names in the order of appearance.
/// </summary>
internal sealed partial class Conversation(string bootstrap) : IDisposable
{
    private const int Attempts = 200;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    // Coordinator loading, not available, not here; leader not known or not here yet; transaction still ending: Kafka's way of saying "in a moment".
    private static readonly HashSet<int> NotYet = [5, 6, 14, 15, 16, 51];
    private readonly Dictionary<(string Kind, string Value), string> _names = [];
    private readonly List<WireClient> _clients = [];
    private WireClient? _client;

    public List<(string Step, string Answer)> Transcript { get; } = [];

    /// <summary>Writes down what was answered; the step's name is the same for both brokers.</summary>
    public void Note(string step, object? answer) => Transcript.Add((step, answer?.ToString() ?? "connection closed"));

    /// <summary>A further connection, for a request that waits while others go on.</summary>
    public async Task<Conversation> BesideAsync()
    {
        var other = new Conversation(bootstrap);
        await other.ClientAsync();
        _clients.Add(other._client!);
        return other;
    }

    /// <summary>Asks on the main connection; after the broker closed it a new one is opened for the next request.</summary>
    public async Task<WireAnswer?> AskAsync(int key, int version, Action<WireRequest> body)
    {
        WireClient client = await ClientAsync();
        WireAnswer? answer = await client.AskAsync(key, version, body);
        if (answer is null)
            _client = null;
        return answer;
    }

    public async Task SendAsync(int key, int version, Action<WireRequest> body) => await (await ClientAsync()).SendAsync(key, version, body);

    public void Dispose() => _clients.ForEach(c => c.Dispose());

    /// <summary>A steady name for an id that the broker chose.</summary>
    public string Name(string kind, string? value)
    {
        if (value is null or "" or "-1")
            return value is null ? "null" : value.Length == 0 ? "none" : value;
        if (!_names.TryGetValue((kind, value), out string? name))
            _names.Add((kind, value), name = $"{kind} {_names.Keys.Count(k => k.Kind == kind) + 1}");
        return name;
    }

    private async Task<WireClient> ClientAsync()
    {
        if (_client is null)
            _clients.Add(_client = await WireClient.ConnectAsync(bootstrap));
        return _client;
    }

    private static async Task<T> PatientlyAsync<T>(Func<Task<T>> ask, Func<T, int> error)
    {
        T answer = await ask();
        for (int i = 0; i < Attempts && NotYet.Contains(error(answer)); i++)
        {
            await Task.Delay(Pause);
            answer = await ask();
        }

        return answer;
    }

    private static string List<T>(IEnumerable<T>? items) => items is null ? "null" : "[" + string.Join(' ', items) + "]";
}
