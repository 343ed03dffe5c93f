// A receiver of notifications with nothing but a JDK, 17 or newer.
//
//     WEBHOOK_SECRET=whsec_... java Receiver.java   checks the signature (Standard Webhooks)
//     WEBHOOK_TOKEN=... java Receiver.java          compares the Authorization header with the Secret or Token
//
// It takes POSTs at any path of http://127.0.0.1:9000 (PORT); a proxy with https stands in front of it. What it has
// processed lies in received/ (FOLDER): <webhook-id>.json, the notification, and <webhook-id>.data, its file.

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Receiver {
    static final String SECRET = setting("WEBHOOK_SECRET", "");
    static final byte[] KEY = Base64.getDecoder().decode(SECRET.replaceFirst("^whsec_", ""));
    static final String TOKEN = setting("WEBHOOK_TOKEN", "");
    static final int PORT = Integer.parseInt(setting("PORT", "9000"));
    static final Path FOLDER = Path.of(setting("FOLDER", "received"));

    static final int LARGEST_BODY = 1024 * 1024;
    // A signature older than this may be one that somebody recorded and plays back.
    static final long TOLERANCE_SECONDS = 300;
    // The sender waits 15 s for our answer. What takes longer belongs in a queue of our own, and the answer before it.
    static final Duration DOWNLOAD_TIME = Duration.ofSeconds(10);
    // The JDK reads no JSON. For the link this is enough, in every body format; for more take the library you use.
    static final Pattern URL = Pattern.compile("\"url\"\\s*:\\s*\"([^\"\\\\]+)\"");

    static final HttpClient CLIENT = HttpClient.newBuilder().connectTimeout(DOWNLOAD_TIME).build();

    public static void main(String[] arguments) throws IOException {
        if (SECRET.isEmpty() && TOKEN.isEmpty()) {
            refuseToStart("Set WEBHOOK_SECRET (whsec_...) or WEBHOOK_TOKEN: "
                    + "a receiver that believes everybody helps nobody.");
        }
        if (!SECRET.isEmpty() && KEY.length < 24) {
            refuseToStart("WEBHOOK_SECRET is whsec_ and the base64 of at least 24 bytes.");
        }
        Files.createDirectories(FOLDER);
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", PORT), 128);
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.createContext("/", Receiver::handle);
        server.start();
        System.out.println("Listening on http://127.0.0.1:" + PORT);
    }

    static void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            exchange.sendResponseHeaders(receive(exchange), -1);
        }
    }

    static int receive(HttpExchange exchange) throws IOException {
        if (!exchange.getRequestMethod().equals("POST")) return 405;
        // The bytes as they came: a body that was parsed and written anew no longer fits its signature.
        byte[] body = exchange.getRequestBody().readNBytes(LARGEST_BODY + 1);
        if (body.length > LARGEST_BODY) return 413;
        if (!isGenuine(exchange.getRequestHeaders(), body)) return 401;
        String id = header(exchange.getRequestHeaders(), "webhook-id");
        if (!id.matches("[A-Za-z0-9_-]{1,100}")) return 400;
        try {
            process(id, body);
            return 204;
        } catch (Exception problem) {
            // Anything but 2xx means: not processed, send it again.
            problem.printStackTrace();
            return 500;
        }
    }

    static boolean isGenuine(Headers headers, byte[] body) {
        if (!TOKEN.isEmpty() && !isEqual(header(headers, "Authorization"), TOKEN)) return false;
        return SECRET.isEmpty() || isSigned(headers, body);
    }

    static boolean isSigned(Headers headers, byte[] body) {
        String timestamp = header(headers, "webhook-timestamp");
        if (!timestamp.matches("[0-9]{1,12}")) return false;
        if (Math.abs(Instant.now().getEpochSecond() - Long.parseLong(timestamp)) > TOLERANCE_SECONDS) return false;
        String expected = "v1," + sign(header(headers, "webhook-id") + "." + timestamp + ".", body);
        // While a secret is being replaced there are two signatures, parted by a blank.
        String[] given = header(headers, "webhook-signature").split(" ");
        return Arrays.stream(given).anyMatch(each -> isEqual(each, expected));
    }

    static String sign(String before, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
            mac.update(before.getBytes(StandardCharsets.UTF_8));
            return Base64.getEncoder().encodeToString(mac.doFinal(body));
        } catch (GeneralSecurityException missing) {
            throw new IllegalStateException(missing);
        }
    }

    /** Keep the notification and its file. It may come twice, always with the same id: the second time it is done. */
    static void process(String id, byte[] body) throws IOException, InterruptedException {
        Path done = FOLDER.resolve(id + ".json");
        if (Files.exists(done)) return;
        var link = URL.matcher(new String(body, StandardCharsets.UTF_8));
        if (link.find()) download(URI.create(link.group(1)), FOLDER.resolve(id + ".data"));
        // Last of all: this file says that everything before it is done.
        Path part = newPart();
        Files.write(part, body);
        Files.move(part, done, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        System.out.println(id + ": signature verified");
    }

    static void download(URI link, Path path) throws IOException, InterruptedException {
        Path part = newPart();
        try {
            HttpRequest request = HttpRequest.newBuilder(link).timeout(DOWNLOAD_TIME).build();
            int status = CLIENT.send(request, BodyHandlers.ofFile(part)).statusCode();
            if (status != 200) throw new IOException("the link answered " + status);
            Files.move(part, path, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    /** A file has its name only once it is complete. */
    static Path newPart() {
        return FOLDER.resolve(UUID.randomUUID() + ".part");
    }

    static void refuseToStart(String reason) {
        System.err.println(reason);
        System.exit(1);
    }

    static boolean isEqual(String given, String wanted) {
        return MessageDigest.isEqual(given.getBytes(StandardCharsets.UTF_8), wanted.getBytes(StandardCharsets.UTF_8));
    }

    static String header(Headers headers, String name) {
        String value = headers.getFirst(name);
        return value == null ? "" : value;
    }

    static String setting(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }
}
