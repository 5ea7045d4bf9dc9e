#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "cli/answer.hpp"
#include "cli/client.hpp"
#include "cli/console.hpp"
#include "cli/logins.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

constexpr core::Duration give_up_after = std::chrono::seconds{30};
constexpr core::Duration pause_min = std::chrono::seconds{1};
constexpr core::Duration pause_max = std::chrono::seconds{60};
constexpr core::Duration slower_by = std::chrono::seconds{5};  // RFC 8628 §3.5, for slow_down
constexpr core::Duration wait_max = std::chrono::minutes{30};

bool is_device_ask(const core::Value& body) {
    return !body["login"].text().empty() && !body["user_code"].text().empty() &&
           !body["verification_uri"].text().empty();
}

// Given, or still to come.
bool is_answer(const core::Value& body) {
    return body["state"].text() == "pending" ||
           (!body["token"].text().empty() && core::parse_rfc3339(body["expires_at"].text()));
}

core::Duration seconds_within(const core::Value& seconds, core::Duration least, core::Duration most) {
    return std::clamp<core::Duration>(
        std::chrono::seconds{std::clamp<std::int64_t>(seconds.whole(), 0, 86'400)}, least, most);
}

Later<Done> rest(Client& client, core::Duration length) {
    auto ec = co_await client.loop().timers().sleep_until(client.now() + length);
    if (ec) co_return fail(Trouble::cancelled, "interrupted");
    co_return Done{};
}

// Asks until the person has signed in, in the browser.
Later<core::Value> signed_in(Client& client, const core::Value& device) {
    auto pause = seconds_within(device["interval"], pause_min, pause_max);
    const auto until = client.now() + seconds_within(device["expires_in"], pause_min, wait_max);
    while (client.now() < until) {
        auto rested = co_await rest(client, pause);
        if (!rested) co_return pass(rested);
        auto body = core::Value::object({{"login", device["login"]}});
        auto reply = co_await client.call({.method = "POST",
                                           .path = "/v1/logins/token",
                                           .fields = {},
                                           .body = std::move(body),
                                           .shape = is_answer});
        if (!reply && reply.error().trouble == Trouble::overloaded)
            pause = std::min(pause + slower_by, pause_max);
        // A server or a network that is away for a moment ends nothing.
        if (!reply && exit_of(reply.error()) == exit_unreachable) continue;
        if (!reply) co_return pass(reply);
        if (reply->status >= 400) co_return std::unexpected(failure_of(*reply));
        if (reply->status == 200) co_return std::move(reply->body);
    }
    co_return fail(Trouble::forbidden, "nobody signed in in time; run `countersign login` again");
}

void say_where(const core::Value& device) {
    const auto whole = device["verification_uri_complete"].text();
    note(fmt::format("Open this in a browser, on any device:\n\n  {}\n\nand check that it shows the code {}",
                     visible(whole.empty() ? device["verification_uri"].text() : whole),
                     visible(device["user_code"].text())));
}

Result<ClientSettings> settings_of(const LoginOptions& options) {
    ServerOptions told;
    told.url = options.url;
    auto settings = client_settings(told);
    // Whoever signs in needs no token yet.
    if (settings) settings->token = Secret{};
    return settings;
}

}  // namespace

int login_verb(const LoginOptions& options) {
    auto settings = settings_of(options);
    if (!settings) return complained(settings.error());
    const auto url = settings->url;
    Client client{std::move(*settings)};
    auto begun = client.finish(client.call({.method = "POST",
                                            .path = "/v1/logins",
                                            .fields = {},
                                            .body = core::Value::object(),
                                            .shape = is_device_ask}));
    if (begun && begun->status >= 400) {
        auto failure = failure_of(*begun);
        if (begun->status == 404 && failure.code != "no_device_flow")
            failure.detail =
                visible(url) +
                " signs nobody in: its administrator has to set identity.login; else use a token of "
                "`countersign token create`";
        return complained(failure);
    }
    if (!begun) return complained(begun.error());
    say_where(begun->body);
    auto given = client.finish(signed_in(client, begun->body));
    if (client.interrupted() != 0) return exit_signal_base + client.interrupted();
    if (!given) return complained(given.error());
    Login login{.url = url,
                .token = Secret{std::string((*given)["token"].text())},
                .person = std::string((*given)["person"].text()),
                .expires_at = *core::parse_rfc3339((*given)["expires_at"].text())};
    auto kept = keep_login(login);
    if (!kept) return complained(kept.error());
    if (options.json)
        print_json(core::Value::object({{"account", (*given)["account"]},
                                        {"expires_at", (*given)["expires_at"]},
                                        {"person", login.person},
                                        {"url", url}}));
    else
        print(fmt::format(
            "You are {} at {} until {}. Client verbs ask and read as you; no vote is cast from here.",
            visible(login.person), visible(url), core::rfc3339(login.expires_at)));
    return exit_ok;
}

int logout_verb(const LoginOptions& options) {
    auto settings = settings_of(options);
    if (!settings) return complained(settings.error());
    const auto url = settings->url;
    auto login = login_at(url);
    if (!login) {
        print(fmt::format("Nobody is signed in at {}.", visible(url)));
        return exit_ok;
    }
    settings->token = login->token;
    Client client{std::move(*settings)};
    auto ended = client.finish(client.insist({.method = "DELETE",
                                              .path = "/v1/logins/token",
                                              .fields = {},
                                              .body = {},
                                              .shape = [](const auto&) { return true; }},
                                             give_up_after, {}));
    auto forgotten = forget_login(url);
    if (!forgotten) return complained(forgotten.error());
    // One that the server does not know any more is ended as well.
    const bool over = ended && (ended->status < 300 || ended->status == 401);
    if (!over)
        complain(fmt::format("the token is forgotten here, but {} was not told; it runs out at {}",
                             visible(url), core::rfc3339(login->expires_at)));
    else
        print(fmt::format("Signed out at {}.", visible(url)));
    return over ? exit_ok : exit_unreachable;
}

}  // namespace countersign::cli
