using Tally.ProcessorService.Engine;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>Why a frame cannot be counted.</summary>
public enum FrameFault
{
    None,
    NotJson,
    NoTimestamp,
    TimestampIsNoNumber,
    TimestampOutOfRange,
    NoUser,
    UserIsNoText,
}

/// <summary>The same as what becomes of the frame.</summary>
public static class FrameFaults
{
    public static Outcome Outcome(this FrameFault fault) => fault switch
    {
        FrameFault.NotJson => Letter(DeadLetterReasons.NotJson, "The value is no JSON in UTF-8."),
        FrameFault.NoTimestamp => Letter(DeadLetterReasons.NoTimestamp, "The root has no ts."),
        FrameFault.TimestampIsNoNumber => Letter(DeadLetterReasons.NoTimestamp, "The root's ts is neither a number nor a string that holds one."),
        FrameFault.TimestampOutOfRange => Letter(DeadLetterReasons.WildTimestamp, "The root's ts lies outside of the years 1970 to 9999: it is in Unix seconds."),
        FrameFault.NoUser => Letter(DeadLetterReasons.NoUser, "The root has no uid."),
        FrameFault.UserIsNoText => Letter(DeadLetterReasons.NoUser, "The root's uid is no text, or empty."),
        _ => Engine.Outcome.Counted,
    };

    private static Outcome Letter(string reason, string message) => Engine.Outcome.DeadLetter(reason, message);
}
