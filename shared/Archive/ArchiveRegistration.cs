using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;
using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

public static class ArchiveRegistration
{
    /// <summary>
    /// The archive as <see cref="SqlHourArchive"/> (reading) and <see cref="SqlHourStore"/> (writing), the same for flows and frames; reading is also one of the
    /// <see cref="IHourSource"/>s and <see cref="IProgressRecordSource"/>s, told apart by their names.
    /// </summary>
    public static IServiceCollection AddArchive(this IServiceCollection services)
    {
        services.AddValidatedOptions<ArchiveOptions>(ArchiveOptions.Section);
        services.AddSingleton<IValidateOptions<ArchiveOptions>, ArchiveOptionsCheck>();
        services.TryAddSingleton(provider => Open(provider.GetRequiredService<IOptions<ArchiveOptions>>()));
        services.TryAddSingleton<SqlHourArchive>();
        services.TryAddSingleton<SqlHourStore>();
        services.TryAddSingleton<SqlFlowArchive>();
        services.TryAddSingleton<SqlFlowStore>();
        services.TryAddSingleton<SqlFrameArchive>();
        services.TryAddSingleton<SqlFrameStore>();
        services.TryAddSingleton<SqlSketchStore>();
        services.TryAddSingleton<IRangeSource, SqlRangeArchive>();
        services.TryAddSingleton<IHourPartialSource>(provider => provider.GetRequiredService<SqlHourArchive>());
        services.AddSingleton<IHourSource>(provider => provider.GetRequiredService<SqlHourArchive>());
        services.AddSingleton<IProgressRecordSource>(provider => provider.GetRequiredService<SqlHourArchive>());
        services.AddSingleton<IProgressRecordSource>(provider => provider.GetRequiredService<SqlFlowArchive>());
        services.AddSingleton<IProgressRecordSource>(provider => provider.GetRequiredService<SqlFrameArchive>());
        services.AddSingleton<IFrameSource>(provider => provider.GetRequiredService<SqlFrameArchive>());
        return services;
    }

    /// <summary>The database that the connection string means. Nothing is opened yet.</summary>
    public static ArchiveDatabase Open(IOptions<ArchiveOptions> options) =>
        ArchiveOptionsCheck.IsPostgres(options.Value.ConnectionString) ? new PostgresArchive(options) : new SqliteArchive(options);
}
