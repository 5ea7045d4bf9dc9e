#include "cli/mcp_http.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "cli/console.hpp"
#include "cli/mcp_tools.hpp"
#include "cli/outcome.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/net/network.hpp"
#include "countersign/net/url.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/rt/tasks.hpp"

namespace countersign::cli {
namespace {

using agents::McpApprovals;
using agents::McpMessage;
using core::Value;

constexpr std::string_view mcp_path = "/mcp";
constexpr std::size_t mcp_body_bytes_max = 1024 * 1024;  // the server itself takes parameters of 256 KiB
constexpr std::size_t mcp_sessions_max = 1'000;
constexpr std::size_t mcp_clients_max = 1'100;
constexpr std::size_t mcp_calls_max = 1'100;
constexpr std::size_t bearer_bytes_max = 16 * 1024;
constexpr core::Duration mcp_session_idle_max = std::chrono::hours{24};
// Clients abort what is silent for 60 s, and proxies sooner.
constexpr core::Duration mcp_http_progress_every = std::chrono::seconds{10};
constexpr core::Duration mcp_http_ending_patience = std::chrono::seconds{2};

net::HttpResponse json_body(unsigned status, std::string body) {
    net::HttpResponse response{.status = status, .fields = {}, .body = std::move(body)};
    response.fields.add("Content-Type", "application/json");
    response.fields.add("Cache-Control", "no-store");
    return response;
}

net::HttpResponse refused(unsigned status, std::string_view why, const Value& id = {},
                          int code = agents::mcp_invalid_request) {
    return json_body(status, agents::mcp_error(id, code, why));
}

// "http://localhost:8481" is of this machine, "null" and "http://localhost.example" are not.
bool is_local_origin(std::string_view origin) {
    auto url = net::parse_url(origin);
    return url && on_this_machine(url->host);
}

std::string header(const net::HttpRequest& request, std::string_view name) {
    return std::string{request.fields.find(name).value_or("")};
}

// A modern client says the essence of its message in fields as well, for whoever stands between: if the two
// differ, somebody was told something else than we (2026-07-28, Streamable HTTP).
std::string header_mismatch(const net::HttpRequest& request, const McpMessage& message) {
    auto differs = [&](const char* field, std::string_view body) {
        auto said = header(request, field);
        std::string_view plain = trim(said);
        constexpr std::string_view before = "=?base64?";
        std::string decoded;
        if (plain.starts_with(before) && plain.ends_with("?=")) {
            plain.remove_prefix(before.size());
            plain.remove_suffix(2);
            decoded = unbase64(plain).value_or("");
            plain = decoded;
        }
        return plain == body ? std::string{}
                             : fmt::format("{} is missing, or is not what the body says", field);
    };
    if (auto wrong = differs("MCP-Protocol-Version", message.version()); !wrong.empty()) return wrong;
    if (auto wrong = differs("Mcp-Method", message.method); !wrong.empty()) return wrong;
    constexpr std::array<std::string_view, 3> named{"tools/call", "prompts/get", "resources/read"};
    if (std::ranges::find(named, message.method) == named.end()) return {};
    return differs("Mcp-Name", message.params()["name"].text(message.params()["uri"].text()));
}

// Which status an answer of a modern server has; a legacy one says 200 to whatever is an answer.
unsigned status_of(const std::string& line, bool modern) {
    auto answer = agents::read_mcp(line, false);
    if (!answer || !modern) return 200;
    auto code = answer->body["error"]["code"].whole(0);
    if (code == agents::mcp_method_not_found) return 404;
    return code == 0 ? 200 : 400;
}

class McpHttpRun {
  public:
    McpHttpRun(Client& client, const McpOptions& options, Secret bearer)
        : client_(client),
          options_(options),
          bearer_(std::move(bearer)),
          tools_(client, options.agent),
          tasks_(client.loop().executor(), mcp_calls_max, rt::report_bug),
          connections_(client.loop().executor(), mcp_clients_max, rt::report_bug),
          network_(
              net::make_network(client.loop().executor(), client.loop().clock(), client.loop().timers())),
          process_session_(tools_.random_text()) {}
    Result<Done> listen();
    int run();

  private:
    struct Session {
        McpApprovals protocol;
        core::Instant used_at;
        std::size_t calls = 0;
        std::map<std::uint64_t, std::string> open;  // requests that a call waits for
    };
    using SessionPtr = std::shared_ptr<Session>;
    // One call whose answer is on its way.
    struct Running {
        explicit Running(rt::asio::any_io_executor executor) : changed(executor) {}
        std::optional<Result<Value>> result;
        std::string request;  // that people are asked about
        bool gone = false;
        rt::Signal changed;
    };

    Later<Done> serve();
    Later<Done> end();
    rt::asio::awaitable<void> handle(net::HttpExchange& exchange);
    std::optional<net::HttpResponse> refusal(const net::HttpRequest& head) const;
    Later<Done> post(net::HttpExchange& exchange);
    Later<Done> speak(net::HttpExchange& exchange, const McpMessage& message, SessionPtr session);
    Later<Done> stream(net::HttpExchange& exchange, SessionPtr session, McpApprovals::Call call, bool modern);
    rt::asio::awaitable<void> answer(std::shared_ptr<Running> running, McpApprovals::Call call,
                                     std::string session);
    Result<SessionPtr> session_of(const net::HttpRequest& request, const McpMessage& message,
                                  net::Fields& fields);
    net::HttpResponse deleted(const net::HttpRequest& request);
    SessionPtr new_session();
    void make_room();

    Client& client_;
    const McpOptions& options_;
    Secret bearer_;
    McpTools tools_;
    rt::TaskGroup tasks_;
    rt::TaskGroup connections_;
    std::unique_ptr<net::Network> network_;
    std::unique_ptr<net::Listener> listener_;
    std::map<std::string, SessionPtr> sessions_;  // of clients that began with `initialize`
    std::string process_session_;                 // of the others, which have none
    bool local_ = true;
};

// ---- who may ask at all

std::optional<net::HttpResponse> McpHttpRun::refusal(const net::HttpRequest& head) const {
    auto path = std::string_view{head.target}.substr(0, head.target.find('?'));
    if (path != mcp_path) return refused(404, "the endpoint is /mcp");
    // A page of anywhere may reach this machine under a name of its own.
    auto host = net::parse_url("http://" + header(head, "Host"));
    if (local_ && (!host || !on_this_machine(host->host)))
        return refused(403, "this server is called by this machine's own names alone");
    auto origin = head.fields.find("Origin");
    bool known =
        !origin || std::ranges::find(options_.allow_origins, *origin) != options_.allow_origins.end();
    if (!known && !(local_ && is_local_origin(*origin)))
        return refused(403, "pages of this origin may not ask; --allow-origin lets them");
    if (bearer_.empty()) return std::nullopt;
    constexpr std::string_view scheme = "bearer ";
    auto said = header(head, "Authorization");
    bool bears = said.size() > scheme.size() && lower_ascii(said.substr(0, scheme.size())) == scheme;
    if (bears && equal_in_constant_time(trim(std::string_view{said}.substr(scheme.size())), bearer_.reveal()))
        return std::nullopt;
    auto response = refused(401, "send the token: Authorization: Bearer …");
    response.fields.add("WWW-Authenticate", "Bearer");
    return response;
}

rt::asio::awaitable<void> McpHttpRun::handle(net::HttpExchange& exchange) {
    auto no = refusal(exchange.request());
    const auto& method = exchange.request().method;
    if (!no && method == "DELETE") no = deleted(exchange.request());
    if (!no && method != "POST") {
        no = refused(405, "messages are posted; there is nothing else to read here");
        no->fields.add("Allow", "POST, DELETE");
    }
    if (no) {
        (void)co_await exchange.respond(std::move(*no));
        co_return;
    }
    (void)co_await post(exchange);  // a client that has gone hears nothing
}

// ---- sessions

McpHttpRun::SessionPtr McpHttpRun::new_session() {
    auto session = std::make_shared<Session>();
    session->used_at = client_.now();
    return session;
}

// Whoever has been silent longest goes first, and begins anew when it comes back.
void McpHttpRun::make_room() {
    std::erase_if(sessions_, [&](const auto& each) {
        return each.second->calls == 0 && client_.now() - each.second->used_at > mcp_session_idle_max;
    });
    if (sessions_.size() < mcp_sessions_max) return;
    auto oldest = std::ranges::min_element(
        sessions_, {}, [](const auto& each) { return std::pair{each.second->calls, each.second->used_at}; });
    sessions_.erase(oldest);
}

Result<McpHttpRun::SessionPtr> McpHttpRun::session_of(const net::HttpRequest& request,
                                                      const McpMessage& message, net::Fields& fields) {
    if (message.modern()) return new_session();
    auto version = header(request, "MCP-Protocol-Version");
    if (message.method == "initialize") {
        make_room();
        auto name = tools_.random_text();
        fields.add("Mcp-Session-Id", name);
        return sessions_[name] = new_session();
    }
    auto spoken = agents::mcp_versions();
    if (!version.empty() && std::find(spoken.begin() + 1, spoken.end(), version) == spoken.end())
        return fail(Trouble::invalid_input, "MCP-Protocol-Version names a revision that is not spoken here");
    auto name = header(request, "Mcp-Session-Id");
    if (name.empty()) return fail(Trouble::invalid_input, "Mcp-Session-Id is missing; begin with initialize");
    auto it = sessions_.find(name);
    if (it == sessions_.end())
        return fail(Trouble::not_found, "the session has ended; begin with initialize");
    it->second->used_at = client_.now();
    return it->second;
}

net::HttpResponse McpHttpRun::deleted(const net::HttpRequest& request) {
    auto name = header(request, "Mcp-Session-Id");
    if (name.empty()) return refused(400, "Mcp-Session-Id is missing");
    if (sessions_.erase(name) == 0) return refused(404, "there is no such session");
    return {.status = 204, .fields = {}, .body = {}};
}

// ---- messages

Later<Done> McpHttpRun::post(net::HttpExchange& exchange) {
    const auto& request = exchange.request();
    auto type = header(request, "Content-Type");
    auto accept = header(request, "Accept");
    auto said = [&](const net::HttpResponse& response) { return exchange.respond(response); };
    if (!type.starts_with("application/json"))
        co_return co_await said(refused(415, "a message is application/json"));
    if (accept.find("application/json") == std::string::npos ||
        accept.find("text/event-stream") == std::string::npos)
        co_return co_await said(refused(406, "accept application/json and text/event-stream"));
    auto message = agents::read_mcp(request.body, true);
    if (!message) {
        McpApprovals nobody;
        auto step = nobody.from_client({.text = request.body});
        co_return co_await said(json_body(400, step.to_client.front()));
    }
    if (message->modern() && message->kind == McpMessage::Kind::request)
        if (auto wrong = header_mismatch(request, *message); !wrong.empty())
            co_return co_await said(refused(400, wrong, message->id, agents::mcp_header_mismatch));
    if (!message->modern() && header(request, "MCP-Protocol-Version") == agents::mcp_versions().front())
        co_return co_await said(refused(400,
                                        "in this revision of the protocol each message says it in its _meta",
                                        message->id, agents::mcp_invalid_params));
    net::Fields fields;
    auto session = session_of(request, *message, fields);
    if (!session)
        co_return co_await said(refused(session.error().trouble == Trouble::not_found ? 404 : 400,
                                        session.error().detail, message->id));
    if (!fields.find("Mcp-Session-Id")) co_return co_await speak(exchange, *message, *session);
    auto step = (*session)->protocol.from_client({.text = request.body});
    auto opened = json_body(200, step.to_client.front());
    opened.fields.add("Mcp-Session-Id", std::string{*fields.find("Mcp-Session-Id")});
    co_return co_await exchange.respond(std::move(opened));
}

Later<Done> McpHttpRun::speak(net::HttpExchange& exchange, const McpMessage& message, SessionPtr session) {
    auto step = session->protocol.from_client({.text = exchange.request().body});
    for (auto key : step.cancelled)
        if (auto it = session->open.find(key); it != session->open.end())
            (void)tasks_.start("mcp withdrawal", tools_.withdraw(it->second));
    if (!step.calls.empty())
        co_return co_await stream(exchange, session, std::move(step.calls.front()), message.modern());
    if (step.to_client.empty())
        co_return co_await exchange.respond({.status = 202, .fields = {}, .body = {}});
    auto& line = step.to_client.front();
    auto status = status_of(line, message.modern());
    co_return co_await exchange.respond(json_body(status, std::move(line)));
}

rt::asio::awaitable<void> McpHttpRun::answer(std::shared_ptr<Running> running, McpApprovals::Call call,
                                             std::string session) {
    const McpTools::Hearer hearer{.session = std::move(session),
                                  .on_wait =
                                      [running](const std::string& id) {
                                          running->request = id;
                                          running->changed.notify_all();
                                      },
                                  .gone = [running] { return running->gone; }};
    running->result = co_await tools_.answer(call, hearer);
    running->changed.notify_all();
}

// A call is answered by a stream that begins at once, so that nobody between takes it for dead.
Later<Done> McpHttpRun::stream(net::HttpExchange& exchange, SessionPtr session, McpApprovals::Call call,
                               bool modern) {
    const auto key = call.key;
    auto& protocol = session->protocol;
    auto running = std::make_shared<Running>(client_.loop().executor());
    auto name = modern ? process_session_ : header(exchange.request(), "Mcp-Session-Id");
    if (!tasks_.start("mcp call", answer(running, std::move(call), std::move(name)))) {
        auto step = protocol.answered(key, "too much is under way; try again later", true);
        co_return co_await exchange.respond(json_body(200, step.to_client.front()));
    }
    net::HttpResponse head;
    head.fields.add("Content-Type", "text/event-stream");
    head.fields.add("Cache-Control", "no-store");
    head.fields.add("X-Accel-Buffering", "no");
    ++session->calls;
    auto sent = co_await exchange.begin_stream(std::move(head));
    exchange.on_peer_gone([running] { running->changed.notify_all(); });
    auto told_at = client_.now();
    while (sent && !running->result && !exchange.peer_gone()) {
        co_await running->changed.wait_until(client_.loop().timers(), told_at + mcp_http_progress_every);
        if (!running->request.empty()) session->open[key] = running->request;
        if (running->result || client_.now() < told_at + mcp_http_progress_every) continue;
        told_at = client_.now();
        auto step = protocol.still_waiting("waiting for people to decide", key);
        std::string chunk = step.to_client.empty() ? ":\n\n" : "";
        for (const auto& line : step.to_client) chunk += fmt::format("event: message\ndata: {}\n", line);
        sent = co_await exchange.write(chunk);
    }
    exchange.on_peer_gone({});
    --session->calls;
    session->used_at = client_.now();
    session->open.erase(key);
    if (!running->result) {
        // A modern client takes its call back by hanging up; a legacy one may come back and ask again.
        running->gone = true;
        (void)protocol.answered(key, "", true);
        if (modern && !running->request.empty())
            (void)tasks_.start("mcp withdrawal", tools_.withdraw(running->request));
        co_return Done{};
    }
    auto& result = *running->result;
    auto step = result ? protocol.answered(key, std::move(*result), false)
                       : protocol.answered(key, printable(result.error().detail), true);
    // It was cancelled meanwhile: then there is nothing to say.
    if (step.to_client.empty()) co_return Done{};
    co_return co_await exchange.write(fmt::format("event: message\ndata: {}\n", step.to_client.front()));
}

// ---- the process

Result<Done> McpHttpRun::listen() {
    auto colon = options_.listen.rfind(':');
    local_ = colon != std::string::npos && on_this_machine(options_.listen.substr(0, colon));
    const bool tls = !options_.certificate.empty();
    if (tls == options_.key.empty())
        return fail(Trouble::invalid_input, "--certificate and --key go together");
    if (!local_ && bearer_.empty())
        return fail(Trouble::invalid_input, "--no-bearer is for this machine alone");
    if (!local_ && !tls && !options_.unsafe_listen)
        return fail(Trouble::invalid_input,
                    "others could read the token on the way; say --certificate and --key, or "
                    "--unsafe-listen behind a proxy that speaks TLS");
    net::TlsFiles files{.certificate = options_.certificate, .key = options_.key};
    auto listener = network_->listen(options_.listen, tls ? &files : nullptr);
    if (!listener) return pass(listener);
    listener_ = std::move(*listener);
    auto host = colon == std::string::npos ? options_.listen : options_.listen.substr(0, colon);
    print(fmt::format("{}://{}:{}{}", tls ? "https" : "http", host, listener_->port(), mcp_path));
    return Done{};
}

Later<Done> McpHttpRun::serve() {
    net::HttpService service{
        [this](net::HttpExchange& exchange) { return handle(exchange); },
        [this](const net::HttpRequest& head) -> rt::asio::awaitable<std::optional<net::HttpResponse>> {
            co_return refusal(head);
        }};
    auto& loop = client_.loop();
    (void)tasks_.start("mcp listener",
                       net::serve_http(*listener_, std::move(service), connections_, loop.clock(),
                                       loop.timers(), {.body_bytes_max = mcp_body_bytes_max}));
    rt::Signal never{loop.executor()};
    while (true) co_await never.wait_until(loop.timers(), client_.now() + std::chrono::hours{1});
}

Later<Done> McpHttpRun::end() {
    listener_->close();
    auto& timers = client_.loop().timers();
    co_await connections_.end(timers, client_.now() + mcp_http_ending_patience);
    co_await tasks_.end(timers, client_.now() + mcp_http_ending_patience);
    co_return Done{};
}

int McpHttpRun::run() {
    (void)client_.finish(serve());
    const int number = client_.interrupted();
    while (connections_.size() + tasks_.size() > 0) (void)client_.finish(end());
    return number == 0 ? exit_ok : exit_signal_base + number;
}

}  // namespace

int serve_mcp(Client& client, const McpOptions& options) {
    Secret bearer = client.settings().token;
    if (!options.bearer_file.empty()) {
        auto text = config::read_file(options.bearer_file, bearer_bytes_max);
        if (!text) return complained(text.error());
        bearer = Secret{std::string{trim(*text)}};
    }
    if (options.no_bearer)
        bearer = Secret{};
    else if (bearer.empty())
        return complained(fail(Trouble::invalid_input, "there is no token for clients to send").error());
    auto run = std::make_unique<McpHttpRun>(client, options, std::move(bearer));
    auto listening = run->listen();
    if (!listening) return complained(listening.error());
    return run->run();
}

}  // namespace countersign::cli
