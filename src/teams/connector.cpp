#include "teams/connector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::teams {

using core::Value;

namespace {

constexpr core::Duration retry_after_default = std::chrono::seconds{5};
constexpr core::Duration retry_after_max = std::chrono::hours{1};
constexpr core::Duration conflict_wait = std::chrono::milliseconds{500};

core::Duration retry_after(const net::Fields& fields) {
    auto field = fields.find("retry-after");
    if (!field) return retry_after_default;
    std::int64_t seconds = 0;
    for (char c : trim(*field)) {
        if (c < '0' || c > '9' || seconds > 100'000) return retry_after_default;
        seconds = seconds * 10 + (c - '0');
    }
    return std::min<core::Duration>(std::chrono::seconds{seconds}, retry_after_max);
}

// The error's word; bodies of proxies and of older hosts have other shapes.
std::string word_of(const Result<Value>& body) {
    if (!body) return {};
    const Value& error = (*body)["error"];
    auto code = error["code"].text();
    constexpr std::size_t shown_bytes_max = 100;
    return visible(clip_utf8(code, shown_bytes_max));
}

}  // namespace

std::string conversation_path(std::string_view conversation, std::string_view rest) {
    return fmt::format("/v3/conversations/{}{}", net::percent_encode(conversation), rest);
}

core::Duration Connector::jittered(core::Duration wait) {
    constexpr double spread = 0.2;
    return wait + std::chrono::duration_cast<core::Duration>(wait * (spread * rt::fraction(entropy_)));
}

Later<Done> Connector::turn(const ConnectorCall& call, Deadline deadline) {
    if (call.lane.empty()) co_return Done{};
    const auto now = clock_.now();
    auto at = pacer_.take(call.lane, now, std::min(deadline.at, now + call.patience));
    if (at && *at > now) {
        auto cancelled = co_await timers_.sleep_until(*at);
        if (cancelled) co_return fail(Trouble::cancelled, "cancelled while waiting for its turn");
    }
    if (!at || !pacer_.stands(call.lane, clock_.now())) {
        Failure failure{Trouble::overloaded, "this conversation has had as many messages as Teams allows",
                        "Throttled", ""};
        failure.not_before = pacer_.opens_at(call.lane, clock_.now());
        co_return std::unexpected(std::move(failure));
    }
    co_return Done{};
}

Later<Value> Connector::call(ConnectorCall call, Deadline deadline) {
    // The list is asked again at each call: what was stored may be from before a change of the settings.
    const bool over_socket = Sockets::is_socket(call.service_url);
    if (!over_socket && !may_serve(call.service_url, settings_.service_url_allow))
        co_return fail(Trouble::invalid_input,
                       "the service address of this conversation is none of teams.service_url_allow");
    bool token_renewed = false;
    for (int attempt = 1;; ++attempt) {
        auto go = co_await turn(call, deadline);
        if (!go) co_return pass(go);
        auto sending = over_socket ? send_over_socket(call, deadline) : send(call, deadline);
        auto answer = co_await std::move(sending);
        if (answer) co_return answer;
        const Failure& failure = answer.error();
        // Refused as not ours: the token may have been taken back before its end.
        const bool again =
            failure.trouble == Trouble::unauthenticated && failure.code == "connector_401" && !token_renewed;
        if (again) {
            token_renewed = true;
            token_.refused();
            continue;
        }
        // Another operation on the conversation was under way, and this one did not take place.
        if (failure.code != "PreconditionFailed" || attempt == tries_max) co_return answer;
        auto until = clock_.now() + jittered(conflict_wait * attempt);
        if (until >= deadline.at) co_return answer;
        auto cancelled = co_await timers_.sleep_until(until);
        if (cancelled) co_return fail(Trouble::cancelled, "cancelled while waiting to try again");
    }
}

Later<Value> Connector::send(const ConnectorCall& call, Deadline deadline) {
    auto token = co_await token_.get(deadline);
    if (!token) co_return pass(token);
    std::string_view base = call.service_url;
    if (base.ends_with('/')) base.remove_suffix(1);
    auto url = net::parse_url(std::string(base) + call.path);
    if (!url) co_return pass(url);
    net::HttpRequest request{.method = std::string(call.method),
                             .target = url->target,
                             .fields = {},
                             .body = call.body,
                             .peer = {}};
    request.fields.add("Authorization", "Bearer " + std::string(token->reveal()));
    if (!call.body.empty()) request.fields.add("Content-Type", "application/json; charset=utf-8");
    request.fields.add("Accept", "application/json");
    request.fields.add("User-Agent", "countersign/" COUNTERSIGN_VERSION);
    auto response = co_await client_.send(*url, std::move(request), deadline);
    if (!response) {
        auto failure = std::move(response).error();
        // What is not a POST comes to the same when it is done again.
        if (failure.trouble == Trouble::timed_out && call.method != "POST")
            failure.trouble = Trouble::unavailable;
        co_return std::unexpected(std::move(failure));
    }
    co_return judge(call, *response);
}

Later<Value> Connector::send_over_socket(const ConnectorCall& call, Deadline deadline) {
    auto answer = co_await sockets_.ask(
        call.service_url, {.verb = std::string(call.method), .path = call.path, .body = call.body}, deadline);
    if (answer)
        co_return judge(call, {.status = answer->status, .fields = {}, .body = std::move(answer->body)});
    auto failure = std::move(answer).error();
    // What is not a POST comes to the same when it is done again.
    if (failure.trouble == Trouble::timed_out && call.method != "POST")
        failure.trouble = Trouble::unavailable;
    co_return std::unexpected(std::move(failure));
}

Result<Value> Connector::judge(const ConnectorCall& call, const net::HttpResponse& response) {
    const unsigned status = response.status;
    auto body = wire::parse_json(response.body, {.bytes_max = answer_bytes_max, .strict = false});
    if (status >= 200 && status < 300) return body ? std::move(*body) : Value::object();
    auto word = word_of(body);
    auto failed = [&](Trouble trouble) {
        return fail(
            trouble,
            fmt::format("Teams refused with status {} ({})", status, word.empty() ? "no reason" : word),
            word);
    };
    if (status == 401) {
        word = "connector_401";
        return failed(Trouble::unauthenticated);
    }
    if (status == 429) {
        auto until = clock_.now() + jittered(retry_after(response.fields));
        if (!call.lane.empty()) pacer_.limited(call.lane, until);
        auto failure = failed(Trouble::overloaded);
        failure.error().not_before = until;
        return failure;
    }
    if (status == 412) {
        if (word.empty()) word = "PreconditionFailed";
        return failed(Trouble::unavailable);
    }
    if (status == 403) return failed(Trouble::forbidden);
    if (status == 404) return failed(Trouble::not_found);
    if (status == 413) return failed(Trouble::too_large);
    // A message may be there after all; whatever else was asked for can be asked again.
    if (status >= 500) return failed(call.method == "POST" ? Trouble::timed_out : Trouble::unavailable);
    return failed(Trouble::invalid_input);
}

}  // namespace countersign::teams
