using System.Data.Common;
using System.Globalization;

namespace Tally.Shared.Archive;

/// <summary>Statements gathered and sent together, in order, so that a remote database is asked once for all of them.</summary>
internal sealed class SqlStatements
{
    private readonly List<(string Text, object[] Values)> _statements = [];

    /// <param name="insert"><c>INSERT INTO t (a, b)</c></param>
    /// <param name="conflict"><c>ON CONFLICT …</c></param>
    /// <param name="rows">Values of each row, all of one length.</param>
    public void Upsert(string insert, string conflict, IReadOnlyList<object[]> rows)
    {
        if (rows.Count == 0) return;
        var width = rows[0].Length;
        foreach (var chunk in rows.Chunk(SqlRows.ParametersAtMost / width))
        {
            var places = Enumerable.Range(0, chunk.Length).Select(row => $"({string.Join(", ", Enumerable.Range(row * width, width).Select(Name))})");
            Add($"{insert} VALUES {string.Join(", ", places)} {conflict}", [.. chunk.SelectMany(row => row)]);
        }
    }

    /// <summary>Adds one statement.</summary>
    /// <param name="text">With <c>@v0</c>, <c>@v1</c>, … for its values.</param>
    /// <param name="values">In the order of these names.</param>
    public void Add(string text, params object[] values) => _statements.Add((text, values));

    /// <summary>Sends them: one round trip where the database takes batches. SQLite takes none, and is no trip away.</summary>
    public Task RunAsync(DbTransaction transaction) =>
        _statements.Count == 0 ? Task.CompletedTask : transaction.Connection!.CanCreateBatch ? TogetherAsync(transaction) : OneByOneAsync(transaction);

    private async Task TogetherAsync(DbTransaction transaction)
    {
        await using var batch = transaction.Connection!.CreateBatch();
        batch.Transaction = transaction;
        foreach (var (text, values) in _statements)
        {
            var command = batch.CreateBatchCommand();
            command.CommandText = text;
            Bind(command.Parameters, command.CreateParameter, values);
            batch.BatchCommands.Add(command);
        }
        await batch.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    private async Task OneByOneAsync(DbTransaction transaction)
    {
        foreach (var (text, values) in _statements)
        {
            await using var command = transaction.Connection!.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = text;
            Bind(command.Parameters, command.CreateParameter, values);
            await command.ExecuteNonQueryAsync().ConfigureAwait(false);
        }
    }

    private static void Bind(DbParameterCollection parameters, Func<DbParameter> create, object[] values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var parameter = create();
            parameter.ParameterName = Name(i);
            parameter.Value = values[i];
            parameters.Add(parameter);
        }
    }

    private static string Name(int value) => string.Create(CultureInfo.InvariantCulture, $"@v{value}");
}
