// A receiver of notifications in ASP.NET Core (.NET 8 or newer), in one file:
//
//     dotnet new web -o receiver && cp Program.cs receiver/ && cd receiver
//     WEBHOOK_SECRET=whsec_... dotnet run   checks the signature (Standard Webhooks)
//     WEBHOOK_TOKEN=... dotnet run          compares the Authorization header with the webhook's Secret or Token
//
// It takes POSTs at any path of http://127.0.0.1:9000 (PORT); a proxy with https stands in front of it. What it has
// processed lies in received/ (FOLDER): <webhook-id>.json, the notification, and <webhook-id>.data, its file.

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

const int LargestBody = 1024 * 1024;
// A signature older than this may be one that somebody recorded and plays back.
const long ToleranceSeconds = 300;

var secret = Setting("WEBHOOK_SECRET", "");
var key = Convert.FromBase64String(secret.StartsWith("whsec_") ? secret["whsec_".Length..] : secret);
var token = Setting("WEBHOOK_TOKEN", "");
var folder = Setting("FOLDER", "received");
// The sender waits 15 s for our answer. What takes longer belongs in a queue of our own, and the answer before it.
using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false });
http.Timeout = TimeSpan.FromSeconds(10);

if (secret == "" && token == "")
{
    Console.Error.WriteLine(
        "Set WEBHOOK_SECRET (whsec_...) or WEBHOOK_TOKEN: a receiver that believes everybody helps nobody.");
    return 1;
}
if (secret != "" && key.Length < 24)
{
    Console.Error.WriteLine("WEBHOOK_SECRET is whsec_ and the base64 of at least 24 bytes.");
    return 1;
}
Directory.CreateDirectory(folder);

var builder = WebApplication.CreateBuilder();
builder.WebHost.ConfigureKestrel(server => server.Limits.MaxRequestBodySize = LargestBody);
var app = builder.Build();
app.MapPost("/{**path}", async (HttpRequest request) =>
{
    // The bytes as they came: a body that was parsed and written anew no longer fits its signature.
    using var raw = new MemoryStream();
    await request.Body.CopyToAsync(raw);
    var body = raw.ToArray();
    if (!IsGenuine(request.Headers, body)) return Results.StatusCode(401);
    var id = request.Headers["webhook-id"].ToString();
    if (!Regex.IsMatch(id, @"\A[A-Za-z0-9_-]{1,100}\z")) return Results.StatusCode(400);
    try
    {
        await Process(id, body);
        return Results.NoContent();
    }
    catch (Exception problem)
    {
        // Anything but 2xx means: not processed, send it again.
        Console.Error.WriteLine(problem);
        return Results.StatusCode(500);
    }
});
app.Run($"http://127.0.0.1:{Setting("PORT", "9000")}");
return 0;

bool IsGenuine(IHeaderDictionary headers, byte[] body)
{
    if (token != "" && !IsEqual(headers.Authorization.ToString(), token)) return false;
    return secret == "" || IsSigned(headers, body);
}

bool IsSigned(IHeaderDictionary headers, byte[] body)
{
    var timestamp = headers["webhook-timestamp"].ToString();
    if (!Regex.IsMatch(timestamp, @"\A[0-9]{1,12}\z")) return false;
    var age = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(timestamp);
    if (Math.Abs(age) > ToleranceSeconds) return false;
    byte[] content = [.. Encoding.UTF8.GetBytes($"{headers["webhook-id"]}.{timestamp}."), .. body];
    var expected = "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, content));
    // While a secret is being replaced there are two signatures, parted by a blank.
    return headers["webhook-signature"].ToString().Split(' ').Any(given => IsEqual(given, expected));
}

// Keep the notification and its file. It may come twice, always with the same id: the second time it is done.
async Task Process(string id, byte[] body)
{
    var done = Path.Combine(folder, $"{id}.json");
    if (File.Exists(done)) return;
    using var notification = JsonDocument.Parse(body);
    var content = notification.RootElement;
    // The format Standard Webhooks has the same content inside `data`.
    if (content.TryGetProperty("data", out var data)) content = data;
    if (content.TryGetProperty("url", out var link))
        await Download(link.GetString()!, Path.Combine(folder, $"{id}.data"));
    // Last of all: this file says that everything before it is done.
    await WriteWhole(done, file => file.WriteAsync(body).AsTask());
    Console.WriteLine($"{id}: signature verified");
}

async Task Download(string url, string path)
{
    using var response = await http.GetAsync(url, HttpCompletionOption.ResponseHeadersRead);
    response.EnsureSuccessStatusCode();
    await WriteWhole(path, file => response.Content.CopyToAsync(file));
}

// A file has its name only once it is complete.
async Task WriteWhole(string path, Func<Stream, Task> write)
{
    var part = Path.Combine(folder, $"{Guid.NewGuid()}.part");
    try
    {
        await using (var file = File.Create(part)) await write(file);
        File.Move(part, path, overwrite: true);
    }
    finally
    {
        File.Delete(part);
    }
}

bool IsEqual(string given, string wanted) =>
    CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(wanted));

static string Setting(string name, string otherwise) =>
    Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : otherwise;
