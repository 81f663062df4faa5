using Tally.QueryService.Http;

namespace Tally.QueryService.Accounting;

/// <summary><c>GET /accounting</c>: what became of every event read, and how far each source is.</summary>
public static class AccountingEndpoints
{
    public static void MapAccounting(this IEndpointRouteBuilder routes)
    {
        routes.Map("/accounting", GetAccounts);
    }

    public static WebApplicationBuilder AddAccounting(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<AccountReader>();
        return builder;
    }

    private static async Task GetAccounts(HttpContext context, AccountReader reader, TimeProvider clock)
    {
        if (!ReadOnlyCall.IsPlain(context.Request))
        {
            await ReadOnlyCall.RefuseAsync(context);
            return;
        }
        var accounts = await reader.ReadAsync(context.RequestAborted);
        if (!accounts.Any(account => account.Known))
        {
            await ReadOnlyCall.NoSourceAsync(context);
            return;
        }
        var body = AccountReport.Write(accounts, clock.GetUtcNow().ToUnixTimeMilliseconds());
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
