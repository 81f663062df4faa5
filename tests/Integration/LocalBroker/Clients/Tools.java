import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command line tools one after the other in one process, because starting a JVM costs more than most of them. Each line of the input is
 * a class and its arguments, parted by tabs; an argument "<text" is the tool's standard input, with | for the ends of lines. The answer is the exit
 * code, the number of bytes written, and those bytes.
 */
public class Tools {
    /** Thrown where a tool would end the process. Some tools catch it and end once more, so the first code is the one that counts. */
    private static final class Ended extends Error {
        Ended() {
            super("", null, false, false);
        }
    }

    private static Integer ended;

    private static void end(int code) {
        ended = ended == null ? code : ended;
        throw new Ended();
    }

    public static void main(String[] unused) throws Exception {
        Exit.setExitProcedure((code, message) -> end(code));
        Exit.setHaltProcedure((code, message) -> end(code));
        PrintStream answers = System.out;
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            ByteArrayOutputStream written = new ByteArrayOutputStream();
            PrintStream capture = new PrintStream(written, true, StandardCharsets.UTF_8);
            System.setOut(capture);
            System.setErr(capture);
            int code = run(line.split("\t"), capture);
            capture.flush();
            // Taken once: threads that a tool leaves behind may go on writing.
            byte[] output = written.toByteArray();
            answers.println(code + " " + output.length);
            answers.write(output);
            answers.flush();
        }
    }

    private static int run(String[] command, PrintStream capture) {
        String[] arguments = Arrays.stream(command).skip(1).filter(a -> !a.startsWith("<")).toArray(String[]::new);
        String input = Arrays.stream(command).filter(a -> a.startsWith("<")).map(a -> a.substring(1).replace('|', '\n')).findFirst().orElse("");
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        ended = null;
        try {
            Class.forName(command[0]).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return ended == null ? 0 : ended;
        } catch (InvocationTargetException e) {
            if (ended == null)
                e.getCause().printStackTrace(capture);
            return ended == null ? 1 : ended;
        } catch (ReflectiveOperationException e) {
            capture.println(e);
            return 1;
        }
    }
}
