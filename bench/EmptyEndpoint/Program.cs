// The baseline: Kestrel as our services run it, with an endpoint that does nothing but answer.
var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);

var app = builder.Build();
app.MapPost("/analytics", () => Results.NoContent());
app.MapGet("/analytics", () => Results.Text("unique_users,0\nclicks,0\nimpressions,0\n"));
await app.RunAsync();
