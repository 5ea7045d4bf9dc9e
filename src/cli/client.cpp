#include "cli/client.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "cli/console.hpp"
#include "cli/home.hpp"
#include "cli/logins.hpp"
#include "cli/outcome.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/request.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t reply_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t token_bytes_max = 1024;
constexpr core::Duration pause_max = std::chrono::seconds{5};
constexpr core::Duration asked_pause_max = std::chrono::seconds{60};

std::string from_environment(const char* name, std::string_view otherwise = {}) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? std::string{value} : std::string{otherwise};
}

// Retry-After in seconds (RFC 9110 §10.2.3); its other form, a date, is no concern of ours.
std::optional<core::Instant> not_before(const net::Fields& fields, core::Instant now) {
    auto text = fields.find("Retry-After");
    unsigned seconds = 0;
    if (!text) return std::nullopt;
    auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (ec != std::errc{} || end != text->data() + text->size()) return std::nullopt;
    return now + std::min<core::Duration>(std::chrono::seconds{seconds}, asked_pause_max);
}

// Answers that are meant whoever gives them: sending the same again would not help.
bool final_whoever_says_it(unsigned status) {
    return status == 400 || status == 411 || (status >= 413 && status <= 417) || status == 431;
}

// Where nothing says which server is meant, it is the one at which somebody signed in last.
std::string usual_url() {
    auto url = from_environment("COUNTERSIGN_URL");
    if (url.empty()) url = newest_login();
    return url.empty() ? "http://127.0.0.1:8480" : url;
}

// The token of whoever signed in at that server, unless it has run out.
Secret token_of_login(const std::string& url) {
    auto login = login_at(url);
    if (!login) return Secret{};
    if (login->expires_at > rt::system_clock()->now()) return std::move(login->token);
    note(fmt::format("your login at {} has run out; run `countersign login {}`", visible(url), visible(url)));
    return Secret{};
}

}  // namespace

bool on_this_machine(std::string_view host) {
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return host == "localhost" || host.ends_with(".localhost") || host == "::1" ||
           (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

Result<ClientSettings> client_settings(const ServerOptions& told) {
    ClientSettings settings;
    settings.url = told.url.empty() ? usual_url() : told.url;
    while (settings.url.ends_with('/')) settings.url.pop_back();
    auto url = net::parse_url(settings.url);
    if (!url || (url->scheme != "http" && url->scheme != "https")) {
        return fail(Trouble::invalid_input, told.url.empty()
                                                ? "COUNTERSIGN_URL must be an http or https URL"
                                                : "--approvals-url must be an http or https URL");
    }
    if (url->scheme == "http" && !told.quiet && !on_this_machine(url->host))
        complain(
            fmt::format("{} is plain http: whoever is on the way can read the token and change the "
                        "answers; use https",
                        visible(settings.url)));
    settings.grant_keys = told.grant_keys;
    if (told.grant_keys.empty())
        for (const std::string& key : split(from_environment("COUNTERSIGN_GRANT_KEYS"), ','))
            if (!trim(key).empty()) settings.grant_keys.emplace_back(trim(key));
    if (told.token_file.empty()) settings.token = Secret{from_environment("COUNTERSIGN_TOKEN")};
    if (told.token_file.empty() && settings.token.empty()) settings.token = token_of_login(settings.url);
    if (!settings.token.empty()) return settings;
    std::string path = told.token_file.empty() ? home_folder() + "/token" : told.token_file;
    auto content = config::read_file(path, token_bytes_max);
    if (content) {
        if (config::loose(path))
            note(fmt::format("{} can be read or changed by others; run `chmod 600 {}`", visible(path),
                             visible(path)));
        settings.token = Secret{std::string{trim(*content)}};
    } else if (!told.token_file.empty() || content.error().trouble != Trouble::not_found) {
        return pass(content);
    }
    return settings;
}

Failure failure_of(const Reply& reply) {
    std::string detail = printable(reply.body["detail"].text());
    if (detail.empty()) detail = printable(reply.body["title"].text());
    if (detail.empty()) detail = fmt::format("the server answered {}", reply.status);
    std::string pointer{reply.body["pointer"].text()};
    if (!pointer.empty() && detail.find(pointer) == std::string::npos)
        detail += fmt::format(" ({})", visible(pointer));
    Trouble trouble = Trouble::invalid_input;
    if (reply.status == 401) {
        trouble = Trouble::unauthenticated;
        detail +=
            "; sign in with `countersign login`, or set COUNTERSIGN_TOKEN to a token from `countersign token "
            "create`";
    }
    if (reply.status == 403) trouble = Trouble::forbidden;
    if (reply.status == 404) trouble = Trouble::not_found;
    if (reply.status == 409) trouble = Trouble::conflict;
    if (reply.status == 413) trouble = Trouble::too_large;
    if (reply.status == 429) trouble = Trouble::overloaded;
    if (reply.status >= 500) trouble = Trouble::unavailable;
    return Failure{trouble, detail, std::string{reply.body["code"].text()}, pointer};
}

Client::Client(ClientSettings settings, std::size_t connections_max)
    : settings_(std::move(settings)),
      network_(net::make_network(loop_.executor(), loop_.clock(), loop_.timers())),
      http_(net::make_http_client(*network_, loop_.clock(), loop_.timers(), loop_.executor(),
                                  {.connections_max = connections_max})) {}

Client::~Client() = default;

Later<Reply> Client::call(Call call) {
    auto url = net::parse_url(settings_.url + call.path);
    if (!url) co_return pass(url);
    net::HttpRequest request{
        .method = call.method, .target = url->target, .fields = {}, .body = {}, .peer = {}};
    request.fields.add("Accept", "application/json");
    if (!settings_.token.empty()) {
        request.fields.add("Authorization", fmt::format("Bearer {}", settings_.token.reveal()));
    }
    for (const auto& [name, value] : call.fields) request.fields.add(name, value);
    if (call.body) {
        request.fields.add("Content-Type", "application/json");
        request.body = core::canonical(*call.body);
    }
    auto answer = co_await http_->send(*url, std::move(request), Deadline{now() + call.patience});
    if (!answer) {
        co_return fail(answer.error().trouble,
                       fmt::format("cannot reach {}: {}", visible(settings_.url), answer.error().detail));
    }
    Reply reply{.status = answer->status, .body = {}, .etag = {}};
    if (auto etag = answer->fields.find("ETag")) reply.etag = std::string{*etag};
    if (!answer->body.empty()) {
        auto body = wire::parse_json(
            answer->body,
            {.bytes_max = reply_bytes_max, .nesting_max = wire::document_nesting_max, .strict = false});
        if (body) reply.body = std::move(*body);
    }
    co_return understood(call, std::move(reply), answer->fields);
}

Later<Page> Client::text(std::string path, core::Duration patience) {
    auto url = net::parse_url(settings_.url + path);
    if (!url) co_return pass(url);
    net::HttpRequest request{.method = "GET", .target = url->target, .fields = {}, .body = {}, .peer = {}};
    auto answer = co_await http_->send(*url, std::move(request), Deadline{now() + patience});
    if (!answer)
        co_return fail(answer.error().trouble,
                       fmt::format("cannot reach {}: {}", visible(settings_.url), answer.error().detail));
    co_return Page{answer->status, std::move(answer->body)};
}

Result<Reply> Client::understood(const Call& call, Reply reply, const net::Fields& fields) const {
    if (reply.status >= 500 || reply.status == 429) {
        auto failure = failure_of(reply);
        failure.not_before = not_before(fields, now());
        return std::unexpected(std::move(failure));
    }
    if (reply.status == 304) return reply;
    if (reply.status >= 300 && reply.status < 400)
        return fail(Trouble::invalid_input,
                    fmt::format("{} leads elsewhere ({} {}); set COUNTERSIGN_URL to the server's own address",
                                visible(settings_.url), reply.status,
                                visible(std::string{fields.find("Location").value_or("")})));
    bool ours = reply.status < 300
                    ? call.shape(reply.body)
                    : is_problem(reply.body, reply.status) || final_whoever_says_it(reply.status);
    if (ours) return reply;
    auto type = fields.find("Content-Type").value_or("no content type");
    return fail(Trouble::unavailable,
                fmt::format("what answers at {} is not Countersign ({}, {}); check COUNTERSIGN_URL and what "
                            "stands before the server",
                            visible(settings_.url), reply.status, visible(std::string{type})));
}

Later<Reply> Client::insist(Call wanted, core::Duration give_up_after,
                            std::function<void(const Failure&)> on_trouble) {
    core::Instant give_up = now() + give_up_after;
    for (unsigned failures = 0;; ++failures) {
        auto reply = co_await call(wanted);
        if (reply || exit_of(reply.error()) != exit_unreachable) co_return reply;
        if (failures == 0 && on_trouble) on_trouble(reply.error());
        if (now() >= give_up) co_return reply;
        auto paused = co_await pause(failures, reply.error().not_before, give_up);
        if (!paused) co_return pass(paused);
    }
}

Later<Done> Client::pause(unsigned failures, std::optional<core::Instant> not_before, core::Instant give_up) {
    auto most =
        std::min<core::Duration>(pause_max, std::chrono::milliseconds{250} * (1U << std::min(failures, 6U)));
    auto length = core::Duration{static_cast<core::Duration::rep>(static_cast<double>(most.count()) *
                                                                  (0.5 + rt::fraction(loop_.entropy()) / 2))};
    auto until = std::max(now() + length, std::min(not_before.value_or(core::Instant::min()), give_up));
    auto ec = co_await loop_.timers().sleep_until(until);
    if (ec) co_return fail(Trouble::cancelled, "interrupted");
    co_return Done{};
}

}  // namespace countersign::cli
