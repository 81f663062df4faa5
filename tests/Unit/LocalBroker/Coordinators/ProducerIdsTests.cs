using Microsoft.Extensions.Logging.Abstractions;
using Tally.LocalBroker.Coordinators;

namespace Tally.Tests.Unit.LocalBroker.Coordinators;

public sealed class ProducerIdsTests
{
    [Test]
    public void Ids_go_on_above_those_in_use_unless_a_client_made_them_up()
    {
        string folder = Directory.CreateTempSubdirectory("tally-ids-").FullName;
        try
        {
            var ids = new ProducerIds(Path.Combine(folder, "producer-ids"), flush: false, NullLogger.Instance);
            ids.StartAbove(41);
            Assert.That(ids.TryNext(out long id) ? id : -1, Is.EqualTo(42));
            ids.StartAbove(long.MaxValue);
            Assert.That(ids.TryNext(out id) ? id : -1, Is.EqualTo(43), "not below zero, where ids would end");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void Without_leave_to_write_no_id_is_given_until_it_is_there_again()
    {
        string folder = Directory.CreateTempSubdirectory("tally-ids-").FullName;
        try
        {
            string path = Path.Combine(folder, "producer-ids");
            var ids = new ProducerIds(path, flush: false, NullLogger.Instance);
            Directory.CreateDirectory(path + ".tmp");
            Assert.That(ids.TryNext(out _), Is.False);
            Directory.Delete(path + ".tmp");
            Assert.That(ids.TryNext(out _), Is.True);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
