using System.Data.Common;
using System.Globalization;
using System.Text;

namespace Tally.Shared.Archive;

/// <summary>Reads many rows in few statements, so that a remote database is asked once a batch.</summary>
internal static class SqlRows
{
    /// <summary>Below SQLite's historic limit of 999 parameters.</summary>
    internal const int ParametersAtMost = 900;

    /// <param name="transaction">Where it happens.</param>
    /// <param name="select"><c>SELECT … FROM t WHERE (a, b) IN</c></param>
    /// <param name="keys">Values of each key, all of one length.</param>
    /// <param name="take">Reads a row that was found.</param>
    public static async Task FindAsync(DbTransaction transaction, string select, IReadOnlyList<object[]> keys, Action<DbDataReader> take)
    {
        if (keys.Count == 0) return;
        foreach (var chunk in keys.Chunk(ParametersAtMost / keys[0].Length))
        {
            await using var command = transaction.Connection!.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = $"{select} (VALUES {Values(command, chunk)})";
            await using var rows = await command.ExecuteReaderAsync().ConfigureAwait(false);
            while (await rows.ReadAsync().ConfigureAwait(false)) take(rows);
        }
    }

    private static StringBuilder Values(DbCommand command, object[][] rows)
    {
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.Append(text.Length == 0 ? "(" : ", (");
            for (var i = 0; i < row.Length; i++)
            {
                var parameter = command.CreateParameter();
                parameter.ParameterName = string.Create(CultureInfo.InvariantCulture, $"@v{command.Parameters.Count}");
                parameter.Value = row[i];
                command.Parameters.Add(parameter);
                text.Append(i == 0 ? "" : ", ").Append(parameter.ParameterName);
            }
            text.Append(')');
        }
        return text;
    }
}
