using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Server.Security;

namespace Tally.Tests.Unit.LocalBroker.Server;

public sealed class HandlerTableTests
{
    [Test]
    public async Task A_handler_that_takes_long_does_not_hold_the_thread_that_read_its_request()
    {
        using var file = new ManualResetEventSlim();
        var range = new ApiRange(ApiKey.ListOffsets, 1, 7, 6);
        var table = new HandlerTable();
        table.RegisterLong(range, request =>
        {
            file.Wait();
            return request.StartResponse();
        });
        Assert.That(table.TryFind(range.Key, out _, out RequestHandler handler));
        ValueTask<WireWriter?> answer = handler(new RequestContext(default, default, 0, range, "/test", new ClientSession(users: null), CancellationToken.None));
        Assert.That(answer.IsCompleted, Is.False);
        file.Set();
        using WireWriter? written = await answer;
        Assert.That(written, Is.Not.Null);
    }
}
